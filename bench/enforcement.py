"""Measures what a box costs: the same workloads plainly, under a bare supervisor and in a box, in turn.

Each workload tells its own time from inside, so the start of a box, which has rows of its own, is in no other row.
Ratios are of neighbours, since a busy machine changes from one minute to the next.
"""

import os
import shutil
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic_ns
from typing import NamedTuple

from _boxes import Bare, Floor, MeasurementError, Plain, Selbox, Strace, Way, find_peer, run_inside
from _figures import Figures, Row, show
from _inspection import measure_memory, measure_processor_time
from _workshop import FILES, NoCompilerError, Workshop

from selbox.enforce.launch import missing_support

_MICROSECOND, _MILLISECOND = 1_000, 1_000_000
_OPENS, _DENIED, _EXECS, _CONNECTIONS = 20_000, 2_000, 200, 2_000


_COMPARED = (("selbox", "floor"), ("selbox", "bare"))


class Workload(NamedTuple):
    """Something that is run in each way.

    Attributes:
        name: title of the row.
        command: prints nanoseconds.
        times: what the nanoseconds are divided by.
        needs: programs without which it is left out.
        peers: whether peers run it too.
        bare: whether the bare supervisor mediates what it does, and the floor is told of it.
        floor: whether the floor alone is told of it.
        plainly: the command without a box, where it differs.
        prepare: called before each run.
    """

    name: str
    command: tuple[str, ...]
    times: int = 1
    needs: tuple[str, ...] = ()
    peers: bool = False
    bare: bool = False
    floor: bool = False
    plainly: tuple[str, ...] | None = None
    prepare: Callable[[], None] = lambda: None

    @property
    def unit(self) -> str:
        """Microseconds for one of many calls, milliseconds for a whole program."""
        return "ms" if self.times == 1 else "µs"


def workloads(shop: Workshop) -> list[Workload]:
    """Return everything that is measured inside."""
    opened, forbidden = shop.path("open.txt"), shop.path("forbidden.txt")
    loops, true = shop.loops, shutil.which("true") or "/bin/true"
    python = os.path.realpath(sys.executable)

    def timed(tool: str, *words: str) -> tuple[str, ...]:
        return (loops, "timed", shutil.which(tool) or tool, *words)

    return [
        Workload("open and close", (loops, "open", opened, str(_OPENS)), _OPENS, peers=True, bare=True),
        Workload("stat", (loops, "stat", opened, str(_OPENS)), _OPENS, peers=True, floor=True),
        Workload("an open and close in 2 processes", (loops, "open-in", opened, str(_OPENS), "2"), _OPENS, bare=True),
        Workload("an open and close in 4 processes", (loops, "open-in", opened, str(_OPENS), "4"), _OPENS, bare=True),
        Workload(
            "a denied open (plain: granted)",
            (loops, "denied", forbidden, str(_DENIED)),
            _DENIED,
            plainly=(loops, "open", forbidden, str(_DENIED)),
        ),
        Workload("fork, exec of true, wait", (loops, "exec", true, str(_EXECS)), _EXECS, peers=True, bare=True),
        Workload(
            "unix connect and accept", (loops, "connect", shop.path("tmp/socket"), str(_CONNECTIONS)), _CONNECTIONS
        ),
        Workload(
            "unix datagram to a path", (loops, "datagrams", shop.path("tmp/bowl"), str(_CONNECTIONS)), _CONNECTIONS
        ),
        Workload("sendmsg and recvmsg, unix stream", (loops, "messages", "-", str(_CONNECTIONS)), _CONNECTIONS),
        Workload(
            "sh: 300 x true",
            timed("sh", "-c", f"for i in $(seq 300); do {true}; done"),
            needs=("sh", "seq"),
            peers=True,
            bare=True,
        ),
        Workload(
            "make -j2, 41 C files",
            timed("make", "-s", "-j2", "-C", shop.path("project")),
            needs=("make", "cc"),
            prepare=shop.clean_project,
            bare=True,
        ),
        Workload(
            "grep -r, 6001 files",
            timed("grep", "-r", "needle", shop.path("tree")),
            needs=("grep",),
            peers=True,
            bare=True,
        ),
        Workload(
            "tar of the same",
            timed("tar", "-cf", shop.path("tmp/tree.tar"), "-C", shop.directory, "tree"),
            needs=("tar",),
            bare=True,
        ),
        Workload("python3 -c 'import json'", timed(python, "-I", "-c", "import json"), bare=True),
    ]


def interleave(ways: Sequence[Way], rounds: int, sample: Callable[[Way], float]) -> dict[str, Figures]:
    """Take samples in each way in turn, round after round; one round before them is not counted."""
    samples: dict[str, list[float]] = {way.name: [] for way in ways}
    for count in range(rounds + 1):
        for way in ways:
            value = sample(way)
            if count:
                samples[way.name].append(value)
    return {name: Figures(tuple(values)) for name, values in samples.items()}


def measure(workload: Workload, ways: Sequence[Way], rounds: int, shop: Workshop) -> list[Row]:
    """Measure a workload."""
    divisor = workload.times * (_MILLISECOND if workload.times == 1 else _MICROSECOND)

    def sample(way: Way) -> float:
        workload.prepare()
        plainly = workload.plainly if isinstance(way, Plain) else None
        return run_inside(way, plainly or workload.command, shop) / divisor

    return [Row(workload.name, workload.unit, interleave(ways, rounds, sample))]


def measure_start(rounds: int, shop: Workshop) -> list[Row]:
    """Measure from the start of ``selbox run`` to the program's first instruction, and to the end of the box."""
    ways: tuple[Way, ...] = (Plain(), Selbox.coloring_book())
    ends: dict[str, list[float]] = {way.name: [] for way in ways}

    def sample(way: Way) -> float:
        begin = monotonic_ns()
        first = run_inside(way, (shop.loops, "first"), shop)
        ends[way.name].append((monotonic_ns() - begin) / _MILLISECOND)
        return (first - begin) / _MILLISECOND

    starts = interleave(ways, rounds, sample)
    wholes = {name: Figures(tuple(values[1:])) for name, values in ends.items()}
    return [
        Row("start to a program's first instruction", "ms", starts),
        Row("start to end of a program that ends at once", "ms", wholes),
    ]


def measure_supervisor(shop: Workshop) -> list[Row]:
    """Measure what the supervisor itself uses."""
    opened, forbidden, true = shop.path("open.txt"), shop.path("forbidden.txt"), shutil.which("true") or "/bin/true"
    tree = f"{shutil.which('grep') or 'grep'} -r needle {shop.path('tree')} >&2"
    times = (
        ("an open", f"{shop.loops} open {opened} {_OPENS} >&2", _OPENS),
        ("a stat", f"{shop.loops} stat {opened} {_OPENS} >&2", _OPENS),
        ("a denied open", f"{shop.loops} denied {forbidden} {_DENIED} >&2", _DENIED),
        ("a fork, exec of true and wait", f"{shop.loops} exec {true} {_EXECS} >&2", _EXECS),
        (
            "a unix connect and accept",
            f"{shop.loops} connect {shop.path('tmp/socket')} {_CONNECTIONS} >&2",
            _CONNECTIONS,
        ),
        (
            "a unix datagram to a path",
            f"{shop.loops} datagrams {shop.path('tmp/bowl')} {_CONNECTIONS} >&2",
            _CONNECTIONS,
        ),
        ("a sendmsg and recvmsg, unix stream", f"{shop.loops} messages - {_CONNECTIONS} >&2", _CONNECTIONS),
        ("an open by grep -r", tree, FILES),
    )
    return measure_processor_time(times, shop) + measure_memory((("at rest", ":"), ("after grep -r", tree)), shop)


def run_all(shop: Workshop, rounds: int, peers: Sequence[Way], wanted: str) -> tuple[list[Row], list[str]]:
    """Measure what is wanted and possible; return rows, and what was left out."""
    rows: list[Row] = []
    notes: list[str] = []
    steps: dict[str, Callable[[], list[Row]]] = {}
    for workload in workloads(shop):
        if wanted not in workload.name:
            continue
        missing = [tool for tool in workload.needs if shutil.which(tool) is None]
        if missing:
            notes.append(f"left out: {workload.name}: no {', '.join(missing)} on PATH")
            continue
        ways: list[Way] = [Plain()]
        ways += [Floor(shop.floor)] if workload.bare or workload.floor else []
        ways += [Bare()] if workload.bare else []
        ways.append(Selbox.measuring(shop))
        ways += peers if workload.peers else ()
        steps[workload.name] = partial(measure, workload, ways, rounds, shop)
    if wanted in "start":
        steps["start"] = partial(measure_start, 2 * rounds, shop)
    if wanted in "supervisor":
        steps["supervisor"] = partial(measure_supervisor, shop)
    for name, step in steps.items():
        print(f"bench: {name}", file=sys.stderr)
        try:
            rows += step()
        except MeasurementError as error:
            notes.append(f"failed: {name}: {error}")
    return rows, notes


def main(words: Sequence[str]) -> int:
    """Measure and show; the status is 1 when a workload failed."""
    parser = ArgumentParser(prog="bench/enforcement.py", description="Measure what a box costs.")
    parser.add_argument("--rounds", type=int, default=5, help="samples of each workload in each way (5)")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="only rows with this in their name; start; supervisor"
    )
    parser.add_argument("--peer", metavar="PYTHON", help="a Python that has PyPI's sandlock, to measure beside")
    parser.add_argument("--strace", action="store_true", help="measure beside strace -f")
    parser.add_argument("--json", action="store_true", help="write JSON")
    arguments = parser.parse_args(words)
    if missing := missing_support():
        print(f"left out: processes cannot be supervised here: {missing}")
        return 0
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        try:
            shop = Workshop(directory)
        except NoCompilerError as error:
            print(f"left out: {error}")
            return 0
        peer = find_peer(arguments.peer, shop)
        peers: list[Way] = [] if peer is None else [peer]
        strace = shutil.which("strace") if arguments.strace else None
        if strace is not None:
            peers.append(Strace(strace))
        rows, notes = run_all(shop, arguments.rounds, peers, arguments.only)
    if arguments.peer and peer is None:
        notes.append(f"left out: sandlock does not work with {arguments.peer}")
    show("Enforcement: median (smallest to largest)", rows, notes, as_json=arguments.json, also=_COMPARED)
    return int(any(note.startswith("failed") for note in notes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
