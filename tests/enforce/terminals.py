"""Pseudo terminals on which tests type."""

import os
import pty
import select
import signal
import time
from contextlib import suppress
from pathlib import Path

from tests.enforce.boxes import environment
from tests.patience import PATIENCE, wait_for


class Terminal:
    """A pseudo terminal with a plain interactive bash on it, outside any box.

    Args:
        kind: what programs take it for (``TERM``).
    """

    def __init__(self, kind: str = "dumb") -> None:
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            variables = environment() | {"PS1": "$ ", "TERM": kind, "SHELL": "/bin/bash", "HISTFILE": ""}
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"], variables)  # noqa: S606 - it is the shell
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def expect(self, text: str, seconds: float = PATIENCE) -> str:
        """Wait until the terminal shows a text; return all that it showed before."""
        until = time.monotonic() + seconds
        while text not in self.seen:
            ready, _, _ = select.select([self.descriptor], [], [], max(0.0, until - time.monotonic()))
            assert ready, f"no {text!r} in {self.seen!r}"
            self.seen += os.read(self.descriptor, 4096).decode(errors="replace")
        before, _, self.seen = self.seen.partition(text)
        return before

    def wait_for(self, program: str) -> None:
        """Wait until a program is among those that have the terminal, so that keys that make signals are for it."""
        wait_for(lambda: program in self._foreground())

    def _foreground(self) -> list[str]:
        """Return what the processes of the group are called that has the terminal."""
        group, names = os.tcgetpgrp(self.descriptor), []
        for status in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                before, _, after = status.read_text(errors="replace").rpartition(")")
                if int(after.split()[2]) == group:
                    names.append(before.partition("(")[2])
        return names

    def close(self) -> None:
        os.close(self.descriptor)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
