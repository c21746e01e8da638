"""Prompts in boxes, at which tests type what administrators type."""

import os
import pty
import termios
from pathlib import Path

from tests.enforce.boxes import environment
from tests.enforce.terminals import Terminal

PROMPT = "at the prompt# "
SHELL = ("bash", "--norc", "--noprofile", "--noediting")


class Prompt(Terminal):
    """A pseudo terminal that echoes nothing, with a program on it that ends in a shell with the prompt.

    Args:
        command: the program with its arguments.
        directory: where it starts.
    """

    def __init__(self, command: list[str], directory: Path) -> None:
        self.seen = ""
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            settings = termios.tcgetattr(0)
            settings[3] &= ~termios.ECHO
            termios.tcsetattr(0, termios.TCSANOW, settings)
            os.chdir(directory)
            variables = environment() | {"TERM": "dumb", "PS1": PROMPT, "HISTFILE": ""}
            os.execvpe(command[0], command, variables)  # noqa: S606 - it is what is tried
        self.expect(PROMPT, 60)

    def run(self, command: str) -> list[str]:
        """Type a command and return the lines that are shown until the next prompt."""
        self.type(f"{command}\n")
        return self.expect(PROMPT, 60).replace("\r", "").splitlines()

    def close(self) -> None:
        """Hang up: the shell ends, and the box with it."""
        os.close(self.descriptor)
        os.waitpid(self.pid, 0)
