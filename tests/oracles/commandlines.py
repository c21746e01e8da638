"""Command lines, answered by a program of SETools and by the verb of its name.

::

    compare(CommandLine("sesearch", ("-A", "-s", "httpd_t")), policy)
"""

import atexit
import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from unittest.mock import patch

from tests.oracles.secilc import SYSTEM_PYTHON

from selbox.cli.main import main

EVERYTHING = Path(__file__).parent / "everything.cil"
"""A small policy that has a statement of every kind."""

ANSWERS = {"sechecker": (0, 1), "sediff": (0, 1)}
"""Exit statuses with which a program says something about a policy, where 0 is not the only one."""

SET = re.compile(r"\{ ([^{}]*) \}")
TIME = re.compile(r"(?<=time: )\d{4}-.*")
NUMBER = re.compile(r"^(Flow|Transition|Domain transition path) \d+:")


class CommandLine(NamedTuple):
    """A program and its arguments; ``{}`` stands for the policy, and ``{0}``, ``{1}`` for several."""

    program: str
    words: tuple[str, ...]

    @classmethod
    def of(cls, program: str, words: str) -> "CommandLine":
        """Return what a shell makes of a line."""
        return cls(program, tuple(shlex.split(words)))

    def __str__(self) -> str:
        return shlex.join((self.program, *self.words))

    def with_policies(self, *policies: Path | str) -> list[str]:
        """Return the words with the policies in their places, or at the end where there are no places."""
        placed = [each.format(*policies) if each.startswith("{") else each for each in self.words]
        return placed if placed != list(self.words) else [*placed, *map(str, policies)]


class Answer(NamedTuple):
    """What a program says: its exit status, and its lines, sorted, with what stands in braces sorted too.

    The numbers that results have in the order in which they were found are left out.
    """

    status: int
    lines: tuple[str, ...]


def command_lines(path: Path, program: str) -> Iterator[CommandLine]:
    """Yield the command lines of a file: the arguments of a program on each line that does not begin with ``#``."""
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            yield CommandLine.of(program, line)


def by_setools(command: CommandLine, *policies: Path | str) -> Answer:
    """Ask the program of SETools."""
    process = _setools()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps([command.program, *command.with_policies(*policies)]) + "\n")
    process.stdin.flush()
    status, output = json.loads(process.stdout.readline())
    return _answer(command.program, status, output)


def by_selbox(command: CommandLine, *policies: Path | str) -> Answer:
    """Ask selbox."""
    output = StringIO()
    environment = {"XDG_CACHE_HOME": _cache().name, "SELBOX_POLICY": ""}
    with redirect_stdout(output), patch.dict(os.environ, environment):
        status = main([command.program, *command.with_policies(*policies)])
    return _answer(command.program, status, output.getvalue())


def everything(directory: Path, more: str = "") -> Path:
    """Compile the policy that has everything, with further statements; return the path of the binary."""
    path, text = directory / "policy.33", directory / "more.cil"
    text.write_text(more)
    assert main(["compile", "--no-base", str(EVERYTHING), str(text), "-o", str(path)]) == 0
    return path


def _answer(program: str, status: int, output: str) -> Answer:
    if status not in ANSWERS.get(program, (0,)):
        return Answer(status, ())  # SETools writes errors to standard output, in words of its own
    return Answer(status, tuple(sorted(map(_comparable, output.splitlines()))))


def _comparable(line: str) -> str:
    return NUMBER.sub(r"\1:", TIME.sub("", SET.sub(_sorted_set, line)))


def _sorted_set(match: "re.Match[str]") -> str:
    return f"{{ {' '.join(sorted(match[1].split()))} }}"


@cache
def _setools() -> "subprocess.Popen[str]":
    """Start the process that runs SETools' programs; it serves the whole test run."""
    script = str(Path(__file__).parent / "setools_commands.py")
    # Sets come in the order of hashes.
    process = subprocess.Popen(
        [SYSTEM_PYTHON, script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    atexit.register(process.communicate)
    return process


@cache
def _cache() -> "TemporaryDirectory[str]":
    """Return a directory for what selbox keeps; it is gone when the test run ends."""
    return TemporaryDirectory(prefix="selbox-test-")
