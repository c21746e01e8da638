"""Terminals behave as if selbox were not there: interrupts, stops, jobs, window, and an interactive shell."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.enforce.boxes import environment
from tests.enforce.terminals import Terminal

pytestmark = [
    pytest.mark.enforcement,
    pytest.mark.skipif(shutil.which("bash") is None, reason="the session is bash's, and there is no bash"),
]

RUN = f"{sys.executable} -m selbox run -- "


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    terminal.expect("$ ")
    yield terminal
    terminal.close()


def test_ctrl_c_ends_the_program_and_the_box(terminal: Terminal) -> None:
    terminal.type(f"{RUN}sh -c 'echo up; sleep 60; echo after'\n")
    terminal.expect("up\r\n")
    terminal.wait_for("sleep")  # a shell takes what comes between its fork and the exec for itself, boxed or not
    terminal.type("\x03")
    terminal.expect("$ ")
    terminal.type("echo status=$?\n")
    terminal.expect("status=130\r\n")


def test_a_program_may_take_ctrl_c_for_itself(terminal: Terminal) -> None:
    terminal.type(f"{RUN}sh -c 'trap \"echo ouch; exit 3\" INT; echo up; while :; do :; done'\n")
    terminal.expect("up\r\n")
    terminal.type("\x03")
    terminal.expect("ouch\r\n")
    terminal.expect("$ ")
    terminal.type("echo status=$?\n")
    terminal.expect("status=3\r\n")


SEEN_LATE = """
import os, signal, sys
from selbox.cli.main import main
from selbox.enforce.supervisor import Supervisor
reap = Supervisor._reap
def interrupted(self):
    reap(self)
    if self._status is not None:
        os.kill(os.getpid(), signal.SIGINT)
Supervisor._reap = interrupted
sys.exit(main(["run", "--quiet", "--", "sh", "-c", "exit 3"]))
"""


def test_a_program_that_ends_by_ctrl_c_before_its_supervisor_has_seen_that_has_its_own_status() -> None:
    done = subprocess.run([sys.executable, "-c", SEEN_LATE], capture_output=True, check=False, env=environment())
    assert (done.returncode, done.stderr) == (3, b"")


def test_ctrl_z_stops_the_job_and_fg_goes_on(terminal: Terminal) -> None:
    terminal.type(f"{RUN}sh -c 'echo up; cat; echo on; sleep 0.2'\n")
    terminal.expect("up\r\n")
    terminal.wait_for("cat")
    terminal.type("\x1a")
    terminal.expect("Stopped")
    terminal.expect("$ ")
    terminal.type("fg\n")
    terminal.wait_for("cat")
    terminal.type("\x04")
    terminal.expect("on\r\n")
    terminal.expect("$ ")
    terminal.type("echo status=$?\n")
    terminal.expect("status=0\r\n")


def test_an_interactive_shell_in_the_box_has_jobs_of_its_own(terminal: Terminal) -> None:
    terminal.type(f"{RUN}bash --norc --noprofile -i\n")
    terminal.expect("$ ")
    terminal.type("PS1='box> '\n")
    terminal.expect("box> ")
    terminal.expect("box> ")
    terminal.type("sleep 60\n")
    terminal.wait_for("sleep")
    terminal.type("\x1a")
    terminal.expect("Stopped")
    terminal.type("jobs; kill %1; wait; echo gone\n")
    terminal.expect("\ngone\r\n")
    terminal.type("cat /proc/self/attr/current | tr -d '\\0'; echo; tty; stty size; exit 7\n")
    terminal.expect("system_u:system_r:kernel_t")
    terminal.expect("/dev/pts/")
    terminal.expect("$ ")
    terminal.type("echo status=$?\n")
    terminal.expect("status=7\r\n")


def test_dev_tty_is_the_callers_own_terminal(terminal: Terminal) -> None:
    terminal.type(f"{RUN}sh -c 'echo hello > /dev/tty' > /dev/null; echo next\n")
    terminal.expect("\nhello\r\n")
    assert Path("/dev/tty").exists()
