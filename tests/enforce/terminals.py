"""Pseudo terminals on which tests type."""

import os
import pty
import select
import signal
import time
from contextlib import suppress
from pathlib import Path

from tests.enforce.boxes import environment


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

    def expect(self, text: str, seconds: float = 20) -> str:
        """Wait until the terminal shows a text; return all that it showed before."""
        until = time.monotonic() + seconds
        while text not in self.seen:
            ready, _, _ = select.select([self.descriptor], [], [], max(0.0, until - time.monotonic()))
            assert ready, f"no {text!r} in {self.seen!r}"
            self.seen += os.read(self.descriptor, 4096).decode(errors="replace")
        before, _, self.seen = self.seen.partition(text)
        return before

    def wait_for(self, program: str, seconds: float = 20) -> None:
        """Wait until a program has the terminal, so that keys that make signals are for it."""
        until = time.monotonic() + seconds
        while (name := self._foreground()) != program:
            assert time.monotonic() < until, f"{name!r} has the terminal"
            time.sleep(0.02)

    def _foreground(self) -> str:
        with suppress(OSError):
            return Path(f"/proc/{os.tcgetpgrp(self.descriptor)}/comm").read_text().strip()
        return ""

    def close(self) -> None:
        os.close(self.descriptor)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
