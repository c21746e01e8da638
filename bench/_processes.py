"""Whole processes, measured: the processor time that they take, and the memory."""

import json
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


_LAUNCHER = """
import json, os, sys
for command in json.load(sys.stdin):
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(0, 1)
        os.execvp(command[0], command)
    _, status, usage = os.wait4(child, 0)
    print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024]))
"""
"""Starts processes from a small one: to the kernel, a process is at first as large as the one that started it."""


def selbox(*words: str) -> list[str]:
    """Return the command line of selbox."""
    return [sys.executable, "-m", "selbox", *words]


def run(commands: Sequence[Sequence[str]], directory: str) -> Cost:
    """Run commands, one after the other, and return what they took: all of their time, and the memory of the largest.

    Bytecode is kept in the directory, as it is of a program that is installed, whatever the environment says.

    Raises:
        FailedError: when the status of one is not 0.
    """
    launcher = [sys.executable, "-S", "-E", "-c", _LAUNCHER]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = os.path.join(os.path.abspath(directory), "bytecode")
    done = subprocess.run(
        launcher,
        cwd=directory,
        env=environment,
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        check=False,
    )
    results = [json.loads(line) for line in done.stdout.splitlines()]
    for command, (status, _, _) in zip(commands, results, strict=True):
        if status:
            raise FailedError(f"`{' '.join(command)[:200]}` failed: {done.stderr[-1000:]}")
    return Cost(sum(seconds for _, seconds, _ in results), max(mebibytes for *_, mebibytes in results))


def measure(task: Task, rounds: int) -> list[Row]:
    """Do a task in each of its ways, in turn, several times over, and once before that counts for nothing.

    Returns:
        A row of seconds and a row of MiB.
    """
    costs: dict[str, list[Cost]] = {way: [] for way in task.ways}
    for number in range(rounds + 1):
        for way, commands in task.ways.items():
            cost = run(commands, task.directory)
            if number:
                costs[way].append(cost)
    return [
        Row(task.name, "s", {way: Figures(tuple(cost.seconds for cost in found)) for way, found in costs.items()}),
        Row(task.name, "MiB", {way: Figures(tuple(cost.mebibytes for cost in found)) for way, found in costs.items()}),
    ]
