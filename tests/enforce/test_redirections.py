"""What shells and programs write to SELinux's files by numbers that these were moved to fails as on a real kernel."""

import re

import pytest

from tests.enforce.boxes import Box
from tests.enforce.clients import USERS, make_box, needs, needs_python
from tests.enforce.test_selinuxfs import POLICY, TOY, python, run

pytestmark = pytest.mark.enforcement

FAILED = "write error: Invalid argument"


@pytest.fixture(params=USERS)
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Box:
    return make_box(tmp_path_factory, POLICY, request.param)


@needs_python
def test_a_moved_descriptor_is_told_what_fails(box: Box) -> None:
    program = """
import fcntl
root = "/sys/fs/selinux/"
for move in (os.dup, lambda each: os.dup2(each, 50), lambda each: fcntl.fcntl(each, fcntl.F_DUPFD, 10)):
    number = move(os.open(root + "context", os.O_RDWR))
    attempt(os.write, number, b"nonsense")
    attempt(os.write, number, b"TOY")
for call in (os.pwrite, lambda number, data, _: os.writev(number, [data])):
    number = os.dup(os.open(root + "context", os.O_RDWR))
    attempt(call, number, b"TOY", 5)
    attempt(os.read, number, 8)
    attempt(os.pread, number, 8, 7)
number = os.dup(os.open(root + "enforce", os.O_RDWR))
attempt(os.pwrite, number, b"1", 1)
attempt(os.write, number, b"1" * 5000)
attempt(os.writev, number, [b"1", b"x"])
""".replace("TOY", TOY)
    lines = python(box, program)
    assert lines[:6] == ["errno 22", "errno 16"] * 3
    assert lines[6:9] == lines[9:12] == [str(len(TOY)), *(repr(TOY[at : at + 8].encode()) for at in (0, 7))]
    assert lines[12:] == ["errno 22", "errno 12", "1"]


def test_a_child_that_only_forked_is_not_told_what_fails(box: Box) -> None:
    assert run(box, "exec 5>/sys/fs/selinux/context; (echo nonsense >&5; echo $?; cat /dev/null)") == ["0"]
    assert re.search(
        r'SELINUX_ERR .* op=late_write path="/sys/fs/selinux/context" exit=-22',
        (box.directory / "audit.log").read_text(),
    )


@needs("bash", "cat")
def test_programs_are_told_what_fails(box: Box) -> None:
    box.file("nonsense", "nonsense")
    box.file("script", "echo nonsense; exec cat nonsense")
    assert run(box, "bash script > /sys/fs/selinux/context; cat nonsense > /sys/fs/selinux/context") == [
        f"script: line 1: echo: {FAILED}",
        "cat: write error: Device or resource busy",
        f"cat: {FAILED}",
    ]


@needs("bash", "grep")
def test_who_is_held_is_signalled_stopped_and_killed_as_anybody(box: Box) -> None:
    box.file("stopping", "echo $$ > stopped; kill -STOP $$; echo nonsense >&5")
    box.file("endless", "while echo > running; do :; done")
    script = """
    exec 5> /sys/fs/selinux/context
    trap "echo trapped" USR1; kill -USR1 $$
    bash stopping & until [ -s stopped ]; do :; done
    until grep -q "^State:.*stop" /proc/$(cat stopped)/status; do :; done
    kill -CONT $(cat stopped); wait $!
    bash endless & until [ -e running ]; do :; done; kill -KILL $!; wait $! 2> errors; echo $?
    """
    box.file("script", script)
    assert run(box, "bash script") == ["trapped", f"stopping: line 1: echo: {FAILED}", "137"]
