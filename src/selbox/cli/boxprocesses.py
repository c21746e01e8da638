"""The processes of running boxes, as ``ps -eZ`` shows processes."""

import os
from collections.abc import Iterable
from contextlib import suppress
from functools import cache

from selbox.cli.boxforms import CONTEXTS
from selbox.enforce.tasks import label_number
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from selbox.cli.boxes import BoxClient

_AT_ONCE: Final = 1000


class BoxProcess(NamedTuple):
    """One process.

    Attributes:
        pid: its number, as this program sees it.
        context: its security context.
        terminal: its controlling terminal, such as ``pts/0``; ``?`` for none.
        seconds: processor time that it has used.
        command: its name.
    """

    pid: int
    context: str
    terminal: str
    seconds: int
    command: str


def labelled_processes() -> dict[int, int]:
    """Return the processes that are in any box, by the numbers that stand for their states."""
    numbers = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError):
                number = label_number(int(name))
                if number is not None:
                    numbers[int(name)] = number
    return numbers


def processes_of(client: "BoxClient", labelled: dict[int, int]) -> tuple[BoxProcess, ...]:
    """Return the processes of one box, by number.

    Args:
        client: the box.
        labelled: processes of all boxes.
    """
    contexts = _contexts(client, sorted(set(labelled.values())))
    found = []
    for pid, number in sorted(labelled.items()):
        if number in contexts:
            with suppress(OSError):
                found.append(_process(pid, contexts[number]))
    return tuple(found)


def _contexts(client: "BoxClient", numbers: list[int]) -> dict[int, str]:
    contexts = {}
    for first in range(0, len(numbers), _AT_ONCE):
        some = numbers[first : first + _AT_ONCE]
        answers = zip(some, client.ask("contexts", CONTEXTS, numbers=some), strict=False)
        contexts.update({number: context for number, context in answers if context is not None})
    return contexts


def _process(pid: int, context: str) -> BoxProcess:
    """Return a process. Source: ``proc_pid_stat(5)``."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="surrogateescape") as file:
        name, _, rest = file.read().partition("(")[2].rpartition(")")
    fields = rest.split()
    ticks = int(fields[11]) + int(fields[12])
    return BoxProcess(pid, context, _terminal(int(fields[4])), ticks // os.sysconf("SC_CLK_TCK"), name)


@cache
def _terminal(number: int) -> str:
    major, minor = number >> 8 & 0xFFF, number & 0xFF | number >> 12 & 0xFFF00
    if 136 <= major <= 143:
        return f"pts/{(major - 136) * 256 + minor}"
    if major == 4:
        return f"tty{minor}" if minor < 64 else f"ttyS{minor - 64}"
    return "?" if number == 0 else f"{major}:{minor}"


def process_lines(processes: Iterable[BoxProcess]) -> list[str]:
    """Return a heading and a line for each, as ``ps -eZ`` prints them."""
    rows = list(processes)
    width = max((len(each.context) for each in rows), default=0)
    width = max(width, len("LABEL"))
    lines = [f"{'LABEL':<{width}}     PID TTY          TIME CMD"]
    for each in rows:
        hours, rest = divmod(each.seconds, 3600)
        time = f"{hours:02}:{rest // 60:02}:{rest % 60:02}"
        label = f"{_printable(each.context):<{width}}"
        lines.append(f"{label} {each.pid:>7} {each.terminal:<8} {time} {_printable(each.command)}")
    return lines


def _printable(text: str) -> str:
    from selbox.audit.summary import printable

    return printable(text)
