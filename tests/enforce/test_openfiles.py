"""Commands to open files, locks, flags and watches."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.enforce.boxes import Box, Outcome, environment
from tests.enforce.clients import PYTHON, USERS, make_box, needs_python
from tests.enforce.test_status import PRELUDE, asked

pytestmark = [pytest.mark.enforcement, needs_python]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type food_t) (call file_type (food_t))
(type sign_t) (call file_type (sign_t))
(type log_t) (call file_type (log_t))
(type desk_t) (call file_type (desk_t))
(call manage_files (cat_t food_t))
(allow cat_t sign_t (file (read open)))
(allow cat_t log_t (file (append open getattr)))
(allow cat_t desk_t (file (read write open getattr ioctl)))
(allowx cat_t desk_t (ioctl file (0x5401 0x541b)))
"""
KINDS = {"": "food_t", "sign": "sign_t", "log": "log_t", "desk": "desk_t"}
COMMANDS = """
import fcntl, array
def command(descriptor, number):
    return call(16, descriptor, number, ctypes.create_string_buffer(128))
"""


@pytest.fixture(params=USERS)
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Box:
    return make_box(tmp_path_factory, POLICY, request.param)


def attempt(box: Box, program: str, *options: str) -> tuple[list[str], Outcome]:
    """Run a program in Python, which may use ``call``, and return the lines that it wrote."""
    assert PYTHON is not None
    for name in list(KINDS)[1:]:
        box.file(name, "content")
    labels = (f"--label={box.directory / name}=system_u:object_r:{kind}:s0" for name, kind in KINDS.items())
    outcome = box.run(PYTHON, "-Ic", PRELUDE + COMMANDS + program, options=("--domain", "cat_t", *options, *labels))
    assert outcome.errors == ""
    return outcome.output.splitlines(), outcome


def test_each_command_asks_for_its_own_permission(box: Box) -> None:
    lines, outcome = attempt(
        box,
        """
sign = os.open("sign", os.O_RDONLY)
for number in (0x541b, 1, 2, 0x80086601, 0x40086602, 0x5401, 0x5421, 0x5452, 0x5451, 0xaa00, 0x5441, 0xc038586b):
    print(hex(number), command(sign, number))
print(command(99, 0x5401), command(os.open("sign", os.O_PATH), 0x5401), command(os.pipe()[0], 0x541b))
""",
    )
    found = dict(line.split() for line in lines[:-1])
    # What no policy is asked about goes on, whatever the file makes of it.
    assert {found.pop(each) for each in ("0x5421", "0x5451")} == {"0"}
    assert found.pop("0x5452") in ("0", "ENOTTY")
    assert {found.pop(each) for each in ("0xaa00", "0xc038586b")} == {"EPERM"}
    assert found.pop("0x5441") == "ENOTTY"
    assert set(found.values()) == {"EACCES"}
    assert lines[-1] == "EBADF EBADF 0"
    asks = [*["getattr"] * 4, "setattr", "ioctl"]
    assert asked(outcome) == [("file", each, "sign_t") for each in asks]


def test_extended_rules_decide_by_number(box: Box) -> None:
    lines, outcome = attempt(
        box,
        """
desk = os.open("desk", os.O_RDWR)
print(command(desk, 0x5401), command(desk, 0x5402), command(desk, 0x8001))
""",
    )
    assert lines == ["ENOTTY EACCES EACCES"]
    assert [dict(each.fields)["ioctlcmd"] for each in outcome.records] == ["0x5402", "0x8001"]


def test_locks_take_lock(box: Box) -> None:
    lines, outcome = attempt(
        box,
        """
sign, mouse = os.open("sign", os.O_RDONLY), os.open("mouse", os.O_RDWR | os.O_CREAT)
lock = struct.pack("=hh4xqqi4x", 0, 0, 0, 0, 0)
for each in (sign, mouse):
    print(call(73, each, 1), *(call(72, each, number, lock) for number in (5, 6, 7, 36, 37)), call(73, each, 8))
    print(call(72, each, 1, 0))
print(call(73, 99, 1), call(72, 99, 6, lock))
""",
    )
    assert lines == ["EACCES EACCES EACCES EACCES EACCES EACCES EACCES", "1", "0 0 0 0 0 0 0", "1", "EBADF EBADF"]
    assert asked(outcome) == [("file", "lock", "sign_t")] * 7


def test_who_only_appends_cannot_take_append_away(box: Box) -> None:
    lines, outcome = attempt(
        box,
        """
log = os.open("log", os.O_WRONLY | os.O_APPEND)
print(call(72, log, 4, 0), call(72, log, 4, os.O_APPEND | os.O_NONBLOCK), call(72, log, 3) & os.O_APPEND > 0)
print(call(72, os.open("mouse", os.O_RDWR | os.O_CREAT | os.O_APPEND), 4, 0))
""",
    )
    assert lines == ["EACCES 0 True", "0"]
    assert asked(outcome) == [("file", "write", "log_t")]


def test_watches_take_watch(box: Box) -> None:
    lines, outcome = attempt(
        box,
        """
queue = libc.inotify_init1(0)
os.symlink("nowhere", "hole")
os.mkdir("nest")
print(call(254, queue, b"sign", 2), call(254, queue, b"log", 2), call(254, queue, b"nest", 2) > 0)
print(call(254, queue, b"hole", 2), call(254, queue, b"hole", 2 | 0x02000000), call(254, queue, b"sign", 0x01000002))
print(call(254, 99, b"nest", 2), call(254, 0, b"nest", 2), call(254, queue, 1, 2), call(254, queue, b"nest", 0))
open("nest/mouse", "w").close()
print(call(254, queue, b"nest", 0x100 | 0x20000000) > 0)
open("nest/rat", "w").close()
print(b"rat" in os.read(queue, 4096))
""",
    )
    assert lines == [
        "EACCES EACCES True",
        "ENOENT EACCES ENOTDIR",
        "EBADF EINVAL EFAULT EINVAL",
        "True",
        "True",
    ]
    assert asked(outcome) == [
        ("file", "watch", "sign_t"),
        ("file", "read", "log_t"),
        ("lnk_file", "watch", "food_t"),
    ]


def test_permissive_records_and_goes_on(box: Box) -> None:
    lines, outcome = attempt(
        box, "sign = os.open('sign', os.O_RDONLY); print(call(73, sign, 1), command(sign, 2))", "--permissive"
    )
    assert lines == ["0 0"]
    assert asked(outcome) == [("file", "lock", "sign_t"), ("file", "getattr", "sign_t")]


def test_what_a_box_was_given_is_no_event(tmp_path: Path) -> None:
    box = Box(tmp_path, POLICY)
    assert PYTHON is not None
    program = "import fcntl, os; print(os.isatty(1)); fcntl.flock(1, fcntl.LOCK_EX)"
    with open(box.directory / "given", "w", encoding="utf-8") as given:
        command = [*box.arguments("--domain", "cat_t"), PYTHON, "-Ic", program]
        subprocess.run(command, stdout=given, check=True, cwd=box.directory, env=environment())
    assert (box.directory / "given").read_text() == "False\n"
    assert not os.path.exists(box.directory / "audit.log") or (box.directory / "audit.log").read_text() == ""


def test_who_is_signalled_about_a_file_is_asked_for_as_a_signal(box: Box) -> None:
    victim = subprocess.Popen(["sleep", "100"], process_group=0)  # that of the tests may have no number here
    try:
        lines, outcome = attempt(
            box,
            f"""
import signal, socket, struct
victim, group, own = {victim.pid}, {os.getpgid(victim.pid)}, os.getpid()
near, far = socket.socketpair()
got = []
signal.signal(signal.SIGIO, lambda number, frame: got.append(number))
signal.signal(signal.SIGUSR1, lambda number, frame: got.append(number))
def setown(name, *arguments):
    print(name, call(*arguments), fcntl.fcntl(near, fcntl.F_GETOWN) == own)
number = near.fileno()
setown("number", 72, number, 8, victim)
setown("group", 72, number, 8, -group & 0xffffffffffffffff)
setown("owner", 72, number, 15, ctypes.create_string_buffer(struct.pack("ii", 1, victim)))
setown("socket", 16, number, 0x8902, ctypes.create_string_buffer(struct.pack("i", victim)))
setown("file", 16, os.open("/dev/null", os.O_RDWR), 0x8901, ctypes.create_string_buffer(struct.pack("i", victim)))
setown("nobody", 72, number, 8, 99999999)
for sent in (9, 19, signal.SIGUSR1):
    setown("signal", 72, number, 10, sent)
setown("own socket", 16, number, 0x8901, ctypes.create_string_buffer(struct.pack("i", own)))
setown("own thread", 72, number, 15, ctypes.create_string_buffer(struct.pack("ii", 0, own)))
setown("own number", 72, number, 8, own)
fcntl.fcntl(near, fcntl.F_SETFL, os.O_ASYNC)
far.send(b"x")
print(got == [signal.SIGUSR1])
""",
        )
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()
    denied = [f"{each} EACCES False" for each in ("number", "group", "owner", "socket")]
    lines = [each.replace("EPERM", "EACCES") for each in lines]  # another user's process cannot be held
    refused = [
        "file ENOTTY False",
        "nobody ESRCH False",
        "signal EINVAL False",
        "signal EINVAL False",
        "signal 0 False",
    ]
    assert lines == [*denied, *refused, "own socket 0 True", "own thread 0 True", "own number 0 True", "True"]
    assert {each.tclass for each in outcome.records} == {"process"}
