"""The status of files, and changes to it: what policy says, and what ordinary permissions go on to say."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.enforce.boxes import Box, Outcome, environment
from tests.enforce.clients import PYTHON, USERS, make_box, needs_python

pytestmark = pytest.mark.enforcement

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type food_t) (call file_type (food_t))
(type vault_t) (call file_type (vault_t))
(type sign_t) (call file_type (sign_t))
(type shade_t) (call file_type (shade_t))
(type milk_t) (call file_type (milk_t))
(call manage_files (cat_t food_t))
(allow cat_t sign_t (file (getattr)))
(allow cat_t milk_t (file (getattr open read write)))
(dontaudit cat_t shade_t (file (getattr setattr)))
(call change_identity (cat_t))
(allow cat_t self (capability (chown)))
"""
FOOD, VAULT, SIGN, SHADE, MILK = (
    f"system_u:object_r:{name}:s0" for name in ("food_t", "vault_t", "sign_t", "shade_t", "milk_t")
)

PRELUDE = """
import ctypes, errno, os, struct
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    ctypes.set_errno(0)
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result = libc.syscall(number, *words)
    return errno.errorcode[ctypes.get_errno()] if result == -1 else result
"""


@pytest.fixture(params=USERS)
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Box:
    return make_box(tmp_path_factory, POLICY, request.param)


def attempt(box: Box, program: str, *options: str) -> tuple[list[str], Outcome]:
    """Run a program in Python, which may use ``call``, and return the lines that it wrote."""
    assert PYTHON is not None
    labels = {"": FOOD, "vault": VAULT, "sign": SIGN, "shade": SHADE, "milk": MILK}
    for name in list(labels)[1:]:
        path = box.file(name, "content")
        if box.user is not None:
            os.chown(path, box.user, box.user)
    words = tuple(f"--label={box.directory / name}={context}" for name, context in labels.items())
    outcome = box.run(PYTHON, "-Ic", PRELUDE + program, options=("--domain", "cat_t", *options, *words))
    assert outcome.errors == ""
    return outcome.output.splitlines(), outcome


def asked(outcome: Outcome) -> list[tuple[str, str, str]]:
    """Return class, permissions and type of each record."""
    return [(each.tclass, " ".join(each.permissions), each.tcontext.split(":")[2]) for each in outcome.records]


@needs_python
def test_every_way_to_ask_for_a_status_takes_getattr(box: Box) -> None:
    lines, outcome = attempt(
        box,
        """
buffer = ctypes.create_string_buffer(256)
handle = os.open("vault", os.O_PATH)
for number, *arguments in ((4, b"vault", buffer), (6, b"vault", buffer), (262, -100, b"vault", buffer, 0),
        (332, -100, b"vault", 0, 0x7ff, buffer), (5, handle, buffer), (262, handle, b"", buffer, 0x1000),
        (332, handle, b"", 0x1000, 0x7ff, buffer)):
    print(number, call(number, *arguments), any(buffer.raw))
""",
    )
    assert lines == [f"{number} EACCES False" for number in (4, 6, 262, 332, 5, 262, 332)]
    assert asked(outcome) == [("file", "getattr", "vault_t")] * 7


@needs_python
def test_what_is_shown_is_what_the_kernel_shows(box: Box) -> None:
    lines, outcome = attempt(
        box,
        """
os.symlink("sign", "link")
mine, theirs = ctypes.create_string_buffer(256), ctypes.create_string_buffer(256)
handle = os.open("milk", os.O_RDONLY)
os.mkdir("nest")
there = os.open("nest", os.O_RDONLY)
for each in (
    os.stat("sign"), os.stat("link"), os.lstat("link"), os.stat(handle), os.stat("../" + os.path.basename(os.getcwd())),
    os.stat("nest/"), os.stat("../sign", dir_fd=there), os.stat("/etc/passwd"), os.stat("/proc/self/status"),
):
    print(oct(each.st_mode), each.st_size, each.st_nlink)
print(call(332, -100, b"sign", 0, 0xfff, mine), struct.unpack_from("=IIQIII", mine.raw)[3:])
# Once more, now that the way there is known.
print(call(332, -100, b"sign", 0, 0xfff, theirs), mine.raw == theirs.raw)
""",
    )
    size = os.stat("/etc/passwd").st_size
    owner = os.geteuid() if box.user is None else box.user
    group = os.getegid() if box.user is None else box.user
    assert lines == [
        "0o100666 7 1",
        "0o100666 7 1",
        "0o120777 4 1",
        "0o100666 7 1",
        lines[4],
        lines[5],
        "0o100666 7 1",
        f"0o100644 {size} 1",
        "0o100444 0 1",
        f"0 (1, {owner}, {group})",
        "0 True",
    ]
    assert lines[4].startswith("0o40777")
    assert lines[5].startswith("0o40755")
    assert outcome.records == ()


@needs_python
def test_an_empty_path_is_what_is_open_only_where_the_caller_says_so(box: Box) -> None:
    lines, _ = attempt(
        box,
        """
buffer = ctypes.create_string_buffer(256)
handle = os.open("milk", os.O_RDONLY)
for flags in 0, 0x100, 0x800, 0x1000, 0x1100:
    print(call(262, handle, b"", buffer, flags), call(332, handle, b"", flags, 0x7ff, buffer))
""",
    )
    assert lines == ["ENOENT ENOENT"] * 3 + ["0 0"] * 2


@needs_python
def test_errors_are_the_kernels(box: Box) -> None:
    lines, _ = attempt(
        box,
        """
buffer = ctypes.create_string_buffer(256)
os.symlink("loop", "loop")
print(call(4, b"nowhere", buffer), call(4, b"", buffer), call(4, b"sign/", buffer), call(4, b"sign/x", buffer))
print(call(4, b"loop", buffer), call(4, 1, buffer), call(4, b"sign", 1), call(4, b"x" * 5000, buffer))
print(call(5, 99, buffer), call(262, 99, b"sign", buffer, 0), call(262, -100, b"sign", buffer, 1 << 20))
print(call(332, -100, b"sign", 0x6000, 0, buffer), call(332, -100, b"sign", 0, 0x80000000, buffer))
print(call(90, b"nowhere", 0), call(91, 99, 0), call(91, os.open("sign", os.O_PATH), 0), call(452, -100, b"sign", 0, 4))
print(call(92, b"nowhere", 0, 0), call(260, -100, b"sign", 0, 0, 1), call(132, b"nowhere", None))
print(call(235, b"sign", struct.pack("=qqqq", 0, 1000000, 0, 0)), call(280, -100, b"sign", 1, 0))
print(call(76, b"milk", -1), call(77, os.open("milk", 0), 0), call(77, 99, 0), call(76, b".", 0))
print(call(280, 99, None, None, 0), call(280, 99, b"x", struct.pack("=qqqq", 0, 0x3ffffffe, 0, 0x3ffffffe), 0))
""",
    )
    assert lines == [
        "ENOENT ENOENT ENOTDIR ENOTDIR",
        "ELOOP EFAULT EFAULT ENAMETOOLONG",
        "EBADF EBADF EINVAL",
        "EINVAL EINVAL",
        "ENOENT EBADF EBADF EINVAL",
        "ENOENT EINVAL ENOENT",
        "EINVAL EFAULT",
        "EINVAL EINVAL EBADF EISDIR",
        "EBADF 0",
    ]


@needs_python
def test_every_change_of_status_takes_setattr(box: Box) -> None:
    lines, outcome = attempt(
        box,
        """
milk = os.open("milk", os.O_RDWR)
times = struct.pack("=qqqq", 1, 0, 2, 0)
for number, *arguments in (
    (90, b"sign", 0o600), (91, milk, 0o600), (268, -100, b"sign", 0o600), (92, b"sign", -1, -1),
    (93, milk, -1, -1), (94, b"sign", -1, -1), (260, -100, b"sign", -1, -1, 0), (132, b"sign", times),
    (235, b"sign", times), (261, -100, b"sign", times), (280, -100, b"sign", times, 0), (280, milk, None, times, 0),
):
    print(number, call(number, *arguments))
""",
    )
    numbers = (90, 91, 268, 92, 93, 94, 260, 132, 235, 261, 280, 280)
    assert lines == [f"{number} EACCES" for number in numbers]
    kinds = ["milk_t" if each in (1, 4, 11) else "sign_t" for each in range(12)]
    assert asked(outcome) == [("file", "setattr", kind) for kind in kinds]


@needs_python
def test_setting_times_to_now_and_shortening_are_writing(box: Box) -> None:
    lines, outcome = attempt(
        box,
        """
milk = os.open("milk", os.O_RDWR)
now = struct.pack("=qqqq", 0, 0x3fffffff, 0, 0x3fffffff)
print(call(235, b"milk", None), call(280, -100, b"milk", now, 0), call(280, milk, None, None, 0), call(76, b"milk", 3))
print(call(77, milk, 2), os.stat("milk").st_size)
print(call(235, b"sign", None), call(280, -100, b"sign", now, 0), call(76, b"sign", 3))
""",
    )
    assert lines == ["0 0 0 0", "0 2", "EACCES EACCES EACCES"]
    assert asked(outcome) == [("file", "write", "sign_t")] * 3


@needs_python
def test_changes_are_made_where_policy_allows_them(box: Box) -> None:
    lines, _ = attempt(
        box,
        """
open("mouse", "w").close()
os.chmod("mouse", 0o640)
os.utime("mouse", ns=(1_000_000_001, 2_000_000_002))
os.truncate("mouse", 11)
with open("mouse", "r+") as mouse:
    os.fchmod(mouse.fileno(), 0o604)
    os.ftruncate(mouse.fileno(), 12)
status = os.stat("mouse")
print(oct(status.st_mode), status.st_size, status.st_atime_ns)
os.symlink("mouse", "hole")
os.utime("hole", (5, 6), follow_symlinks=False)
print(os.lstat("hole").st_mtime, os.stat("mouse").st_size)
memory = os.memfd_create("m")
os.ftruncate(memory, 99)
print(os.fstat(memory).st_size)
""",
    )
    assert lines == ["0o100604 12 1000000001", "6.0 12", "99"]


@needs_python
def test_permissive_records_and_goes_on(box: Box) -> None:
    lines, outcome = attempt(box, "os.chmod('vault', 0o600); print(oct(os.stat('vault').st_mode))", "--permissive")
    assert lines == ["0o100600"]
    assert asked(outcome) == [("file", "setattr", "vault_t"), ("file", "getattr", "vault_t")]
    assert all(each.permissive for each in outcome.records)


@needs_python
def test_dontaudit_is_silent(box: Box) -> None:
    lines, outcome = attempt(
        box, "b = ctypes.create_string_buffer(144); print(call(4, b'shade', b), call(90, b'shade', 0))"
    )
    assert lines == ["EACCES EACCES"]
    assert outcome.records == ()


@needs_python
def test_dontaudit_rules_are_left_out_on_request(box: Box) -> None:
    lines, outcome = attempt(box, "print(call(90, b'shade', 0))", "--disable-dontaudit")
    assert lines == ["EACCES"]
    assert asked(outcome) == [("file", "setattr", "shade_t")]


@needs_python
def test_directories_on_the_way_are_searched(tmp_path: Path) -> None:
    box = Box(tmp_path, POLICY)
    (box.directory / "closed").mkdir()
    box.file("closed/sign2")
    closed = f"--label={box.directory / 'closed'}={VAULT}"
    lines, outcome = attempt(box, "b = ctypes.create_string_buffer(144); print(call(4, b'closed/sign2', b))", closed)
    assert lines == ["EACCES"]
    assert asked(outcome) == [("dir", "search", "vault_t")]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives up being root")
@needs_python
def test_changes_are_made_with_the_callers_own_credentials(tmp_path: Path) -> None:
    box = Box(tmp_path, POLICY)
    box.file("theirs").chmod(0o600)
    lines, _ = attempt(
        box,
        """
open("mine", "w").close()
os.chown("mine", 65534, 65534)
os.setresgid(65534, 65534, 65534)
os.setgroups([])
os.setresuid(65534, 65534, 65534)
print(call(90, b"mine", 0o600), call(90, b"theirs", 0o666), call(92, b"mine", 0, 0), call(76, b"theirs", 0))
print(call(235, b"theirs", None), os.stat("theirs").st_uid)
""",
    )
    assert lines == ["0 EPERM EPERM EACCES", "EACCES 0"]


@needs_python
def test_the_output_that_a_box_was_given_can_be_looked_at(tmp_path: Path) -> None:
    box = Box(tmp_path, POLICY)
    assert PYTHON is not None
    with open(box.directory / "given", "w", encoding="utf-8") as given:
        command = [*box.arguments("--domain", "cat_t"), PYTHON, "-c", "import os; print(os.fstat(1).st_nlink)"]
        subprocess.run(command, stdout=given, check=True, cwd=box.directory, env=environment())
    assert (box.directory / "given").read_text() == "1\n"


@needs_python
def test_files_of_selinuxfs_have_a_status(box: Box) -> None:
    lines, _ = attempt(
        box,
        """
import stat
for name in ("", "/enforce", "/policy_capabilities", "/access"):
    status = os.stat("/sys/fs/selinux" + name)
    print(name, stat.S_ISDIR(status.st_mode), oct(status.st_mode & 0o777))
print(os.path.exists("/sys/fs/selinux/nothing"))
""",
    )
    assert lines == [
        " True 0o755",
        "/enforce False 0o644",
        "/policy_capabilities True 0o555",
        "/access False 0o666",
        "False",
    ]


@pytest.mark.skipif(shutil.which("unshare") is None or os.geteuid() != 0, reason="takes unshare and root")
def test_owners_are_shown_as_the_callers_user_namespace_has_them(tmp_path: Path) -> None:
    box = Box(tmp_path, POLICY)
    outcome = box.shell(f"unshare -Ur --map-root-user stat -c '%u %g' {box.directory}", "--domain", "kernel_t")
    assert outcome.output == "0 0\n"
