"""What a supervisor itself uses: memory and processor time, read while the program in its box waits."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import CLOCK_PROCESS_CPUTIME_ID, clock_gettime_ns
from typing import NamedTuple

from _boxes import MeasurementError, Selbox, environment
from _figures import Figures, Row
from _workshop import Workshop

_SAMPLES = 3


class Use(NamedTuple):
    """What a supervisor used for some work.

    Attributes:
        nanoseconds: processor time, of user and system, of all its threads.
        peak: largest resident set since its start, in MiB.
    """

    nanoseconds: int
    peak: float


def _processor_time(pid: int) -> int:
    # The clock of another process; source: clock_getcpuclockid(3), as glibc computes it.
    return clock_gettime_ns(CLOCK_PROCESS_CPUTIME_ID | ~pid << 3)


def _peak(pid: int) -> float:
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        return int(next(line for line in status if line.startswith("VmHWM:")).split()[1]) / 1024


@contextmanager
def _waiting_box(work: str, shop: Workshop) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a box whose shell does the work once a line was written to it, and tells and waits before and after."""
    command = Selbox.measuring(shop).command(("/bin/sh", "-c", f"echo; read line; {work} && echo; read line"))
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=shop.directory,
        env=environment(shop),
        stderr=subprocess.DEVNULL,
    ) as process:
        _expect_line(process)
        yield process
        process.communicate(b"\n")


def _expect_line(process: "subprocess.Popen[bytes]") -> None:
    if process.stdout is None or process.stdout.readline() != b"\n":
        raise MeasurementError("a box that should wait has ended, or wrote something else")


def use_of(work: str, shop: Workshop) -> Use:
    """Return what a supervisor uses for a line of shell that writes nothing.

    Raises:
        MeasurementError: when the box ends early.
    """
    with _waiting_box(work, shop) as process:
        before = _processor_time(process.pid)
        if process.stdin is not None:
            process.stdin.write(b"\n")
            process.stdin.flush()
        _expect_line(process)
        return Use(_processor_time(process.pid) - before, _peak(process.pid))


def measure_processor_time(works: Sequence[tuple[str, str, int]], shop: Workshop) -> list[Row]:
    """Measure processor time per call, which other programs on the machine disturb less than they do waiting.

    Args:
        works: of each row the title, the line of shell, and how many calls it makes.
        shop: where it works.
    """
    rows = []
    for name, work, times in works:
        used = tuple(use_of(work, shop).nanoseconds / times / 1000 for _ in range(_SAMPLES))
        rows.append(Row(f"processor time of the supervisor for {name}", "µs", {"selbox": Figures(used)}))
    return rows


def measure_memory(works: Sequence[tuple[str, str]], shop: Workshop) -> list[Row]:
    """Measure peak memory after some work."""
    return [
        Row(
            f"peak memory of the supervisor {name}",
            "MiB",
            {"selbox": Figures(tuple(use_of(work, shop).peak for _ in range(_SAMPLES)))},
        )
        for name, work in works
    ]
