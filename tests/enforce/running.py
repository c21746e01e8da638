"""Boxes that run while a test asks them from outside."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from selbox.cli.boxes import BoxClient, RunningBox, running_boxes
from tests.enforce.boxes import Box, environment
from tests.patience import PATIENCE


class Running(NamedTuple):
    """A box in the background.

    Attributes:
        process: its supervisor.
        box: how it is reached.
    """

    process: subprocess.Popen[str]
    box: RunningBox

    def client(self) -> BoxClient:
        return BoxClient(self.box)

    def end(self) -> tuple[str, str]:
        """Close the program's input, wait for its end and return what it printed."""
        output, errors = self.process.communicate(timeout=PATIENCE)
        return output, errors


@contextmanager
def running(directory: Path, policy: str, script: str, *options: str, user: int | None = None) -> Iterator[Running]:
    """Run a shell script in a box while the block is run; its input is a pipe that is open as long."""
    made = Box(directory, policy, user)
    process = subprocess.Popen(
        [*made.arguments(*options), "/bin/sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=directory,
    )
    try:
        yield Running(process, find(process.pid))
    finally:
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=30)  # its input ends, and so it does, with all that it started
        process.kill()
        process.communicate()


def find(pid: int) -> RunningBox:
    """Return the box of a supervisor, as soon as it can be asked."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        for each in running_boxes():
            if each.pid == pid:
                return each
        assert os.path.exists(f"/proc/{pid}")
        time.sleep(0.02)
    raise AssertionError(f"no box of {pid}")
