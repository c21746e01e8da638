"""Questions about paths: access, links, directories, file systems, and the names and values of extended attributes."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.enforce.boxes import Box, Outcome
from tests.enforce.clients import PYTHON, USERS, make_box, needs_python
from tests.enforce.test_status import PRELUDE, asked

pytestmark = [pytest.mark.enforcement, needs_python]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type food_t) (call file_type (food_t))
(type vault_t) (call file_type (vault_t))
(type sign_t) (call file_type (sign_t))
(type shade_t) (call file_type (shade_t))
(call manage_files (cat_t food_t))
(allow cat_t sign_t (file (getattr read)))
(dontaudit cat_t shade_t (file (audit_access)))
(call change_identity (cat_t))
(typetransition cat_t food_t lnk_file "hole" vault_t)
(allow cat_t vault_t (lnk_file (create)))
"""
KINDS = {"": "food_t", "vault": "vault_t", "sign": "sign_t", "shade": "shade_t", "shut": "vault_t"}


@pytest.fixture(params=USERS)
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Box:
    return make_box(tmp_path_factory, POLICY, request.param)


def attempt(box: Box, program: str, *options: str) -> tuple[list[str], Outcome]:
    """Run a program in Python, which may use ``call``, and return the lines that it wrote."""
    assert PYTHON is not None
    for name in ("vault", "sign", "shade"):
        box.file(name, "content", 0o777)
    (box.directory / "shut").mkdir()
    (box.directory / "shut").chmod(0o777)
    if box.user is not None:
        for name in ("vault", "sign", "shade"):
            os.chown(box.directory / name, box.user, box.user)
    labels = (f"--label={box.directory / name}=system_u:object_r:{kind}:s0" for name, kind in KINDS.items())
    outcome = box.run(
        PYTHON,
        "-Ic",
        PRELUDE + "os.symlink('sign', 'hole')\n" + program,
        options=("--domain", "cat_t", *options, *labels),
    )
    assert outcome.errors == ""
    return outcome.output.splitlines(), outcome


def test_access_is_what_policy_and_ordinary_permissions_say(box: Box) -> None:
    lines, outcome = attempt(
        box,
        """
for name in ("sign", "vault", "shade", "shut", "nothing"):
    print(name, *(os.access(name, mode) for mode in (os.F_OK, os.R_OK, os.W_OK, os.X_OK, os.R_OK | os.X_OK)))
open("plain", "w").close()
os.chmod("plain", 0o400)
print(call(439, -100, b"plain", 4, 0x200), call(439, -100, b"plain", 1, 0x200), call(439, -100, b"hole", 4, 0x100))
print(call(269, -100, b"sign", 8), call(439, -100, b"sign", 4, 1), call(439, -100, b"", 4, 0), call(269, 99, b"x", 0))
""",
    )
    assert lines == [
        "sign True True False False False",
        "vault True False False False False",
        "shade True False False False False",
        "shut True False False False False",
        "nothing False False False False False",
        "0 EACCES EACCES",
        "EINVAL EINVAL ENOENT EBADF",
    ]
    assert asked(outcome) == [
        ("file", "write", "sign_t"),
        ("file", "execute", "sign_t"),
        ("file", "execute", "sign_t"),
        ("file", "read", "vault_t"),
        ("file", "write", "vault_t"),
        ("file", "execute", "vault_t"),
        ("file", "read execute", "vault_t"),
        ("dir", "read", "vault_t"),
        ("dir", "write", "vault_t"),
        ("dir", "search", "vault_t"),
        ("dir", "read search", "vault_t"),
        ("lnk_file", "read", "vault_t"),
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives up being root")
def test_access_asks_for_the_real_identity(tmp_path: Path) -> None:
    box = Box(tmp_path, POLICY)
    lines, _ = attempt(
        box,
        """
open("private", "w").close()
os.chmod("private", 0o600)
os.setresuid(65534, 0, 0)
print(os.access("private", os.R_OK), os.access("private", os.R_OK, effective_ids=True))
os.setresuid(0, 0, 0)
os.setresgid(0, 65534, 0)
os.setresuid(0, 65534, 0)
print(os.access("private", os.R_OK), os.access("private", os.R_OK, effective_ids=True))
""",
    )
    assert lines == ["False True", "True False"]


def test_links_are_read_where_policy_lets_them(box: Box) -> None:
    lines, outcome = attempt(
        box,
        """
os.symlink("a" * 100, "long")
buffer = ctypes.create_string_buffer(200)
print(call(89, b"hole", buffer, 200), call(267, -100, b"long", buffer, 7), buffer.value)
print(call(89, b"sign", buffer, 200), call(89, b"nothing", buffer, 200), call(89, b"long", buffer, 0))
print(call(89, b"long", buffer, -1), call(89, b"long", 1, 9), call(89, b".", buffer, 200))
print(call(267, os.open("long", os.O_PATH | os.O_NOFOLLOW), b"", buffer, 200))
print(call(267, os.open("sign", os.O_PATH), b"", buffer, 200))
print(os.readlink("/proc/self") == str(os.getpid()), os.readlink("/proc/self/cwd") == os.getcwd())
print(os.readlink("/proc/thread-self") == f"{os.getpid()}/task/{os.getpid()}", os.readlink("/proc/self/fd/0")[:4])
""",
    )
    assert lines == [
        "EACCES 7 b'aaaaaaa'",
        "EINVAL ENOENT EINVAL",
        "EINVAL EFAULT EINVAL",
        "100",
        "ENOENT",
        "True True",
        "True /dev",
    ]
    assert asked(outcome) == [("lnk_file", "read", "vault_t")]


def test_directories_are_entered_where_policy_lets_one_search(box: Box) -> None:
    lines, outcome = attempt(
        box,
        """
os.mkdir("nest")
print(call(80, b"shut"), call(80, b"sign"), call(80, b"nothing"), call(81, 99), call(81, -100))
print(call(81, os.open("shut", os.O_PATH)), call(81, os.open("nest", os.O_RDONLY)), os.path.basename(os.getcwd()))
print(call(80, b".."), os.path.exists("sign"))
""",
    )
    assert lines == ["EACCES ENOTDIR ENOENT EBADF EBADF", "EACCES 0 nest", "0 True"]
    assert asked(outcome) == [("dir", "search", "vault_t")] * 2


def test_the_status_of_a_file_system_takes_getattr_on_it(box: Box) -> None:
    program = """
kind = os.statvfs(".").f_namemax
buffer = ctypes.create_string_buffer(120)
read, write = os.pipe()
print(kind, call(137, b"nothing", buffer), call(138, 99, buffer), call(137, b".", 1), call(138, read, buffer))
"""
    lines, outcome = attempt(box, program)
    assert lines == ["255 ENOENT EBADF EFAULT 0"]
    assert outcome.records == ()


def test_a_file_system_that_may_not_be_asked_is_not(tmp_path: Path) -> None:
    strict = POLICY + "(deny cat_t filesystem_type (filesystem (getattr)))"
    lines, outcome = attempt(Box(tmp_path, strict), "b = ctypes.create_string_buffer(120); print(call(137, b'.', b))")
    assert lines == ["EACCES"]
    assert [(each.tclass, each.permissions) for each in outcome.records] == [("filesystem", ("getattr",))]


def test_extended_attributes_are_read_and_written_as_the_file_is(box: Box) -> None:
    lines, outcome = attempt(
        box,
        """
buffer = ctypes.create_string_buffer(100)
open("mouse", "w").close()
print(call(188, b"mouse", b"user.note", b"abc", 3, 0), call(191, b"mouse", b"user.note", buffer, 100), buffer.value)
print(call(191, b"mouse", b"user.note", None, 0), call(191, b"mouse", b"user.note", buffer, 2))
print(call(191, b"mouse", b"user.none", buffer, 9), call(191, b"mouse", b"", buffer, 9))
print(call(193, 99, b"user.x", buffer, 9))
print(sorted(os.listxattr("mouse")), call(194, b"mouse", buffer, 3), call(197, b"mouse", b"user.note"))
for name in (b"sign", b"vault"):
    print(call(191, name, b"user.x", buffer, 9), call(188, name, b"user.x", b"", 0, 0), call(197, name, b"user.x"))
    print(call(194, name, buffer, 100))
""",
    )
    assert lines == [
        "0 3 b'abc'",
        "3 ERANGE",
        "ENODATA ERANGE",
        "EBADF",
        "['security.selinux', 'user.note'] ERANGE 0",
        "ENODATA EACCES EACCES",
        "17",
        "EACCES EACCES EACCES",
        "EACCES",
    ]
    assert asked(outcome) == [
        ("file", "write", "sign_t"),
        ("file", "write", "sign_t"),
        ("file", "read", "vault_t"),
        ("file", "write", "vault_t"),
        ("file", "write", "vault_t"),
        ("file", "getattr", "vault_t"),
    ]


def test_permissive_records_and_goes_on(box: Box) -> None:
    lines, outcome = attempt(box, "print(os.access('vault', os.R_OK), os.readlink('hole'))", "--permissive")
    assert lines == ["True sign"]
    assert asked(outcome) == [("file", "read", "vault_t"), ("lnk_file", "read", "vault_t")]


HANDLES = """
os.symlink("shut/x", "to-shut")
os.symlink("sign", "way")
open("eaten", "w").close()
for place, name, flags, size in ((-100, b"eaten", 0, 128), (-100, b"hole", 0, 128), (-100, b"way", 0x400, 128),
        (os.open("eaten", os.O_PATH), b"", 0x1000, 128), (-100, b"eaten", 1, 128), (-100, b"eaten", 0, 2),
        (-100, b"eaten", 0x4000, 128), (-100, b"eaten", 0, 500), (-100, b"none", 0, 128), (-100, b"shut/x", 0, 128),
        (-100, b"to-shut", 0x400, 128)):
    handle, mount = ctypes.create_string_buffer(struct.pack("I", size), 8 + size), ctypes.create_string_buffer(8)
    print(name.decode() or "open", call(303, place, name, handle, mount, flags), handle.raw.hex(), any(mount.raw))
"""


def test_handles_are_told_of_files_that_may_be_come_to(box: Box, tmp_path: Path) -> None:
    assert PYTHON is not None
    lines, outcome = attempt(box, HANDLES)
    for name in ("eaten", "to-shut", "way"):
        (box.directory / name).rename(tmp_path / name)
    plain = subprocess.run(
        [PYTHON, "-Ic", PRELUDE + HANDLES], cwd=box.directory, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert [each.split(" ", 2)[1] for each in lines[-2:]] == ["EACCES", "EACCES"]
    assert [each.split()[1] for each in lines[:-2]] == [each.split()[1] for each in plain[:-2]]
    assert lines[1:3] == plain[1:3]  # "eaten" is another file by then
    assert asked(outcome) == [("dir", "search", "vault_t")] * 2
