"""Files without a name: pipes, memory files, and those of ``O_TMPFILE``."""

from pathlib import Path

import pytest

from tests.enforce.boxes import Box, Outcome
from tests.enforce.clients import PYTHON, USERS, make_box, needs_python
from tests.enforce.test_status import PRELUDE, asked

pytestmark = [pytest.mark.enforcement, needs_python]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type dog_t) (call domain_type (dog_t))
(type food_t) (call file_type (food_t))
(type box_t) (call file_type (box_t))
(type note_t) (call file_type (note_t))
(call manage_files (cat_t food_t))
(call choose_domain (cat_t dog_t))
(typetransition cat_t tmpfs_t file note_t)
(allow cat_t note_t (file (getattr map)))
(allow cat_t box_t (dir (getattr search write)))
"""


@pytest.fixture(params=USERS)
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Box:
    return make_box(tmp_path_factory, POLICY, request.param)


def attempt(box: Box, program: str, *options: str) -> tuple[list[str], Outcome]:
    """Run a program in Python, which may use ``call``, and return the lines that it wrote."""
    assert PYTHON is not None
    (box.directory / "box").mkdir(exist_ok=True)
    (box.directory / "box").chmod(0o777)
    labels = (
        f"--label={box.directory / name}=system_u:object_r:{kind}:s0"
        for name, kind in (("", "food_t"), ("box", "box_t"))
    )
    outcome = box.run(PYTHON, "-Ic", PRELUDE + program, options=("--domain", "cat_t", *options, *labels))
    assert outcome.errors == ""
    return outcome.output.splitlines(), outcome


def test_pipes_are_as_the_kernel_makes_them(box: Box) -> None:
    lines, outcome = attempt(
        box,
        """
import fcntl
read, write = os.pipe()
os.write(write, b"through")
print(os.read(read, 100), os.get_inheritable(read), os.fstat(read).st_ino == os.fstat(write).st_ino)
pair = ctypes.create_string_buffer(8)
print(call(22, pair), [fcntl.fcntl(each, fcntl.F_GETFD) for each in struct.unpack("=ii", pair.raw)])
print(call(293, pair, os.O_NONBLOCK | os.O_CLOEXEC))
print([(fcntl.fcntl(each, 1), fcntl.fcntl(each, 3) & os.O_NONBLOCK > 0) for each in struct.unpack("=ii", pair.raw)])
print(call(293, pair, 1), call(293, 1, 0), call(22, None), len(os.listdir("/proc/self/fd")))
""",
    )
    assert lines[:-1] == ["b'through' False True", "0 [0, 0]", "0", "[(1, True), (1, True)]"]
    assert lines[-1].startswith("EINVAL EFAULT EFAULT ")
    assert outcome.records == ()


def test_a_pipe_is_its_makers_whoever_is_seen_with_it_first(box: Box) -> None:
    lines, outcome = attempt(
        box,
        """
read, write = os.pipe()
os.set_inheritable(write, True)
if os.fork() == 0:
    open("/proc/self/attr/exec", "w").write("system_u:system_r:dog_t:s0")
    os.execv("/bin/sh", ["sh", "-c", f"echo hello >&{write}; : >/proc/self/fd/{write}"])
os.wait()
os.close(write)
print(os.read(read, 100))
""",
    )
    assert lines == ["b'hello\\n'"]
    assert outcome.denied("fifo_file", "write") == []


def test_memory_files_are_labelled_by_transition(box: Box) -> None:
    lines, outcome = attempt(
        box,
        """
import fcntl
memory = os.memfd_create("note", os.MFD_ALLOW_SEALING)
os.write(memory, b"abc")
print(os.getxattr(memory, "security.selinux"), os.readlink(f"/proc/self/fd/{memory}"))
print(os.fstat(memory).st_size, os.get_inheritable(memory))
print(fcntl.fcntl(memory, 1033, 2), call(77, memory, 1))
print(call(319, b"x" * 250, 0), call(319, b"x" * 249, 0) > 0, call(319, 1, 0), call(319, b"x", 64))
""",
    )
    assert lines == [
        "b'system_u:object_r:note_t:s0\\x00' /memfd:note (deleted)",
        "3 True",
        "0 EACCES",
        "EINVAL True EFAULT EINVAL",
    ]
    assert asked(outcome) == [("file", "write", "note_t")]


def test_memory_files_of_a_class_of_their_own(tmp_path: Path) -> None:
    own = "(policycap memfd_class) (allow dog_t self (memfd_file (create getattr read write map)))"
    box = Box(tmp_path, POLICY + own)
    lines, outcome = attempt(box, "print(call(319, b'note', 0))")
    assert lines == ["EACCES"]
    assert [(each.tclass, each.permissions) for each in outcome.records] == [("memfd_file", ("create",))]
    lines, outcome = attempt(
        Box(tmp_path, POLICY + own),
        "m = os.memfd_create('x'); os.ftruncate(m, 9); print(os.fstat(m).st_size, call(9, 0, 4096, 5, 2, m, 0))",
        "--domain",
        "dog_t",
    )
    assert lines == ["9 EACCES"]
    assert [(each.tclass, each.permissions) for each in outcome.records] == [("memfd_file", ("execute",))]


def test_programs_in_memory_run_by_permissions_of_their_class(tmp_path: Path) -> None:
    own = """(policycap memfd_class) (allow cat_t self (memfd_file (create getattr read write map open execute)))
        (allow cat_t cat_t (file (execute read open execute_no_trans map getattr)))"""
    program = """
m = os.memfd_create("program", 0)
with open("/bin/true", "rb") as file:
    os.write(m, file.read())
try:
    os.execve(m, ["true"], {})
except OSError as error:
    print(errno.errorcode[error.errno])
"""
    lines, outcome = attempt(Box(tmp_path, POLICY + own), program)
    assert lines == ["EACCES"]
    assert [(each.tclass, each.permissions) for each in outcome.records] == [("memfd_file", ("execute_no_trans",))]
    grant = "(allow cat_t self (memfd_file (execute_no_trans)))"
    lines, outcome = attempt(Box(tmp_path, POLICY + own + grant), program)
    assert (lines, outcome.records, outcome.status) == ([], (), 0)


def test_secret_memory_is_an_anonymous_inode_of_its_maker(tmp_path: Path) -> None:
    program = """
m = call(447, 0)
print(m if isinstance(m, str) else (os.ftruncate(m, 4096), call(9, 0, 4096, 1, 1, m, 0) != 0))
"""
    own = POLICY + '(type quiet_t) (typetransition cat_t cat_t anon_inode "[secretmem]" quiet_t)'
    lines, outcome = attempt(Box(tmp_path, own), program)
    if lines == ["ENOSYS"]:
        pytest.skip("this kernel has no secret memory")
    assert lines == ["EACCES"]
    (record,) = outcome.records
    assert (record.tclass, record.permissions, record.tcontext.split(":")[2]) == ("anon_inode", ("create",), "quiet_t")
    assert dict(record.fields)["anonclass"] == "[secretmem]"
    grant = "(roletype object_r quiet_t) (allow cat_t quiet_t (anon_inode (create write map read)))"
    lines, outcome = attempt(Box(tmp_path, own + grant), program)
    assert (lines, outcome.records) == (["(None, True)"], ())


def test_a_file_that_has_no_name_yet_takes_only_what_using_it_takes(box: Box) -> None:
    lines, outcome = attempt(
        box,
        """
def make(name, flags):
    return call(2, name, os.O_TMPFILE | flags, 0o600)
print(make(b".", os.O_RDWR) > 2, make(b"box", os.O_RDWR), make(b"nothing", os.O_RDWR), make(b".", os.O_RDONLY))
nameless = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o600)
print(call(265, -100, b"/proc/self/fd/%d" % nameless, -100, b"named", 0x400), os.listdir("."))
""",
    )
    assert lines[0] == "True EACCES ENOENT EINVAL"
    assert "named" in lines[1]
    assert asked(outcome) == [("file", "read write open", "box_t")]


def test_a_memory_file_that_may_not_be_mapped(tmp_path: Path) -> None:
    strict = POLICY.replace("getattr map", "getattr")
    lines, outcome = attempt(Box(tmp_path, strict), "print(call(319, b'note', 0))")
    # Reading grants mapping all over this policy, so that mapping is not asked about: who makes a file must have it.
    assert lines == ["EACCES"]
    assert asked(outcome) == [("file", "map", "note_t")]
    reading = strict + "(type mat_t) (call file_type (mat_t)) (allow cat_t mat_t (file (read)))"
    lines, outcome = attempt(
        Box(tmp_path, reading), "m = os.memfd_create('x'); print(call(9, 0, 4096, 1, 2, m, 0), os.write(m, b'x'))"
    )
    assert lines == ["EACCES 1"]
    assert asked(outcome) == [("file", "map", "note_t")]
