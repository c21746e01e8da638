"""The ways in which a workload is run: plainly, in a box of selbox, under a bare supervisor, by a peer."""

import os
import shutil
import subprocess
import sys
from typing import NamedTuple, Protocol

from _workshop import SOFTWARE, Workshop

_HERE = os.path.dirname(os.path.abspath(__file__))
_COLORING_BOOK = os.path.join(os.path.dirname(_HERE), "examples", "coloring-book", "coloring-book.cil")

_PEER_PROGRAM = """
import sys
from sandlock import Sandbox
box = Sandbox(fs_readable=["/"], fs_writable=["/dev", sys.argv[1]], fs_denied=[sys.argv[2]])
sys.exit(box.run_interactive(sys.argv[3:]))
"""


class MeasurementError(Exception):
    """A workload did not do what it should; says what it wrote."""


class Way(Protocol):
    """A way to run a command."""

    @property
    def name(self) -> str:
        """Title of the column."""
        ...

    def command(self, workload: tuple[str, ...]) -> list[str]:
        """Return the command line that runs a workload."""
        ...


class Plain(NamedTuple):
    """Without anything."""

    name: str = "plain"

    def command(self, workload: tuple[str, ...]) -> list[str]:
        """Return the workload itself."""
        return list(workload)


class Selbox(NamedTuple):
    """In a box, in a confined domain.

    Attributes:
        options: of ``selbox run``.
    """

    options: tuple[str, ...]
    name: str = "selbox"

    def command(self, workload: tuple[str, ...]) -> list[str]:
        """Return the command line of ``selbox run``."""
        return [sys.executable, "-m", "selbox", "run", "--quiet", *self.options, "--", *workload]

    @classmethod
    def measuring(cls, workshop: Workshop) -> "Selbox":
        """Return a box with the policy of the measurements."""
        policy = os.path.join(_HERE, "bench.cil")
        python = f"{sys.base_prefix}={SOFTWARE}"
        return cls(("--policy", policy, "--domain", "bench.t", *workshop.labels(), "--label", python))

    @classmethod
    def coloring_book(cls) -> "Selbox":
        """Return a box with the policy of the Coloring Book, for what a start costs."""
        return cls(("--policy", _COLORING_BOOK, "--context", "system_u:system_r:dog_t:s0"))


class Bare(NamedTuple):
    """Under a supervisor that mediates opens and decides nothing (``bench/_bare.py``)."""

    name: str = "bare"

    def command(self, workload: tuple[str, ...]) -> list[str]:
        """Return the command line of the bare supervisor."""
        return [sys.executable, os.path.join(_HERE, "_bare.py"), *workload]


class Floor(NamedTuple):
    """Under a supervisor in C that lets every call go on (``bench/floor.c``).

    Attributes:
        program: it.
    """

    program: str
    name: str = "floor"

    def command(self, workload: tuple[str, ...]) -> list[str]:
        """Return the command line of that supervisor."""
        return [self.program, *workload]


class Strace(NamedTuple):
    """Under ``strace -f``, which writes every call down."""

    program: str
    name: str = "strace -f"

    def command(self, workload: tuple[str, ...]) -> list[str]:
        """Return the command line of strace."""
        return [self.program, "-f", "-o", "/dev/null", *workload]


class Sandlock(NamedTuple):
    """In a sandbox of PyPI's sandlock, which may read everything but one file.

    Attributes:
        python: a Python that has the package.
        writable: directory that may be written.
        denied: file that may not be read.
    """

    python: str
    writable: str
    denied: str
    name: str = "sandlock"

    def command(self, workload: tuple[str, ...]) -> list[str]:
        """Return the command line of a small Python program that starts the sandbox."""
        return [self.python, "-c", _PEER_PROGRAM, self.writable, self.denied, *workload]


def find_peer(python: str | None, workshop: Workshop) -> Sandlock | None:
    """Return the peer, if it works here.

    Args:
        python: a Python that has sandlock; None looks beside ``sandlock-mcp`` on PATH, which the package installs.
        workshop: where its workloads work.
    """
    if python is None:
        installed = shutil.which("sandlock-mcp")
        if installed is None:
            return None
        python = os.path.join(os.path.dirname(os.path.realpath(installed)), "python")
    peer = Sandlock(python, workshop.directory, workshop.path("forbidden.txt"))
    try:
        run_inside(peer, (workshop.loops, "first"), workshop)
    except MeasurementError:
        return None
    return peer


def environment(workshop: Workshop) -> dict[str, str]:
    """Return the environment of every workload."""
    given = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}  # the selbox that measures
    return {
        **given,
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "TMPDIR": workshop.path("tmp"),
        "XDG_CACHE_HOME": workshop.path("cache"),  # a box starts as it does for a user: the second time
    }


def run_inside(way: Way, workload: tuple[str, ...], workshop: Workshop) -> int:
    """Run a workload and return the number that it prints.

    Raises:
        MeasurementError: when it fails.
    """
    command = way.command(workload)
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=workshop.directory, env=environment(workshop)
        )
    except OSError as error:
        raise MeasurementError(f"{way.name}: {command[0]}: {error.strerror}") from None
    if result.returncode or not result.stdout.strip().isdigit():
        said = (result.stderr or result.stdout).strip()
        raise MeasurementError(f"{way.name}: {' '.join(workload)} failed ({result.returncode}): {said}")
    return int(result.stdout)
