"""Whole processes, measured: the processor time that they take, and the memory."""

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

from _figures import Figures, Row

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PEER = "peer"
OURS = "selbox"


class FailedError(Exception):
    """A process that was to be measured failed; says which, and why."""


class Cost(NamedTuple):
    """What one or more processes took.

    Attributes:
        seconds: of the processor, user's and system's together, those of children included.
        mebibytes: the largest resident set of any.
    """

    seconds: float
    mebibytes: float


class Task(NamedTuple):
    """One thing to do in several ways.

    Attributes:
        name: what is done.
        ways: for each way the commands that do it, run one after the other; their costs are summed.
        directory: where they run.
    """

    name: str
    ways: dict[str, Sequence[Sequence[str]]]
    directory: str


def selbox(*words: str) -> list[str]:
    """Return the command line of selbox."""
    return [sys.executable, "-m", "selbox.cli.main", *words]


def run(command: Sequence[str], directory: str) -> Cost:
    """Run a command to its end, and return what it took.

    Raises:
        FailedError: when its status is not 0.
    """
    process = subprocess.Popen(
        command, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None  # noqa: S101 - it is a pipe
    words = process.stderr.read().decode(errors="replace")
    process.stderr.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise FailedError(f"`{' '.join(command)[:200]}` failed: {words[-1000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def measure(task: Task, rounds: int) -> list[Row]:
    """Do a task in each of its ways, in turn, several times over, and once before that counts for nothing.

    Returns:
        A row of seconds and a row of MiB.
    """
    costs: dict[str, list[Cost]] = {way: [] for way in task.ways}
    for number in range(rounds + 1):
        for way, commands in task.ways.items():
            each = [run(command, task.directory) for command in commands]
            if number:
                costs[way].append(Cost(sum(cost.seconds for cost in each), max(cost.mebibytes for cost in each)))
    return [
        Row(task.name, "s", {way: Figures(tuple(cost.seconds for cost in found)) for way, found in costs.items()}),
        Row(task.name, "MiB", {way: Figures(tuple(cost.mebibytes for cost in found)) for way, found in costs.items()}),
    ]
