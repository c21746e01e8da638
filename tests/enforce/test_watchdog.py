"""Boxes whose supervisor is killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.enforce.boxes import Box, environment
from tests.enforce.clients import make_box
from tests.patience import wait_for

pytestmark = pytest.mark.enforcement

SCRIPT = """
exec 3< /sys/fs/selinux
(trap '' TERM HUP; while :; do :; done) & echo $!
setsid sh -c 'echo $$; exec sleep 1000' &
(kill -STOP $(sh -c 'echo $PPID')) & echo $!
sleep 0.3; echo $$
{ while cat /etc/hostname; do sleep 0.02; done; cat /etc/hostname; } > /dev/null 2> errors
echo over > over; while :; do sleep 1; done
"""


@pytest.fixture
def box(tmp_path_factory: pytest.TempPathFactory) -> Box:
    return make_box(tmp_path_factory, "", None)


@contextmanager
def running(box: Box, *python: str) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """Run the script in a box, by another Python if need be; yield its supervisor and the script's processes."""
    arguments = box.arguments("--permissive")
    supervisor = subprocess.Popen(
        [*(python or arguments[:3]), *arguments[3:], "/bin/sh", "-c", SCRIPT],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=box.directory,
    )
    assert supervisor.stdout is not None
    pids = [int(supervisor.stdout.readline()) for _ in range(4)]
    try:
        yield supervisor, pids
    finally:
        supervisor.kill()
        supervisor.wait()
        supervisor.stdout.close()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def watchdog_of(pid: int) -> int:
    listed = subprocess.run(["pgrep", "-P", str(pid), "-f", "selbox.enforce.watchdog"], capture_output=True, check=True)
    return int(listed.stdout)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_killed_supervisor_takes_its_box_with_it(box: Box) -> None:
    with running(box) as (supervisor, pids):
        watchdog = watchdog_of(supervisor.pid)
        directory = Path(os.readlink(f"/proc/{pids[-1]}/fd/3")).parent
        assert directory.name.startswith("selbox-")
        assert directory.is_dir()
        supervisor.kill()
        supervisor.wait()
        wait_for(lambda: not any(is_alive(each) for each in (*pids, watchdog)))
        assert not directory.exists()
        # Calls waited, and did not fail; a shell can be quick enough to tell that its programs were killed.
        assert set((box.directory / "errors").read_text().splitlines()) <= {"Killed"}
        assert not (box.directory / "over").exists()


def test_a_box_ends_with_its_supervisor_where_no_python_can_be_started_for_that(box: Box) -> None:
    """As where root starts a box for a user to whom root's Python is closed."""
    program = (
        "import sys; sys.executable = '/nonexistent'; from selbox.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    with running(box, sys.executable, "-c", program) as (supervisor, pids):
        supervisor.kill()
        supervisor.wait()
        wait_for(lambda: not any(is_alive(each) for each in pids))


def test_without_its_watchdog_the_calls_of_a_killed_supervisors_box_fail(box: Box) -> None:
    with running(box) as (supervisor, pids):
        os.kill(watchdog_of(supervisor.pid), signal.SIGKILL)
        supervisor.kill()
        supervisor.wait()
        wait_for(lambda: "Function not implemented" in (box.directory / "errors").read_text())
        assert all(is_alive(each) for each in pids)


def test_a_box_that_ends_by_itself_leaves_no_watchdog(box: Box) -> None:
    outcome = box.shell("ps -o pid=,args= --ppid $(ps -o ppid= -p $$)", "--permissive")
    (line,) = [each for each in outcome.output.splitlines() if "selbox.enforce.watchdog" in each]
    assert not is_alive(int(line.split()[0]))
