"""Running boxes in words: what they say of themselves, and their denials."""

import time

from selbox.cli.boxes import BoxClient, RunningBox
from selbox.cli.boxforms import STATUS
from selbox.cli.boxprocesses import BoxProcess, processes_of
from selbox.cli.terminal import BOLD, GREEN, YELLOW, Terminal
from selbox.typing import Any, NamedTuple


class BoxRow(NamedTuple):
    """A box and its processes.

    Attributes:
        box: which.
        status: what it says of itself.
        processes: by number.
    """

    box: RunningBox
    status: dict[str, Any]
    processes: tuple[BoxProcess, ...]


def heading(row: BoxRow, terminal: Terminal) -> str:
    """Return what is said of a box in one line."""
    status = row.status
    mode = terminal.paint("enforcing", GREEN) if status["enforcing"] else terminal.paint("permissive", YELLOW)
    number = f" ({row.box.pid})" if row.box.name != str(row.box.pid) else ""
    count, denials = len(row.processes), status["denials"]["times"]
    since = time.strftime("%F %T", time.localtime(status["since"]))
    return (
        f"{terminal.paint(f'box {row.box.name}', BOLD)}{number} of {user_name(status['user'])}, {mode}, since {since}, "
        f"{count} process{'es' * (count != 1)}, {denials} denial{'s' * (denials != 1)}"
    )


def user_name(number: int) -> str:
    """Return a user's name, or the number of one who has none."""
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def look_at(box: RunningBox, labelled: dict[int, int]) -> BoxRow:
    """Ask a box about itself and its processes.

    Raises:
        SelboxError: when it does not answer.
    """
    with BoxClient(box) as client:
        return BoxRow(box, client.ask("status", STATUS), processes_of(client, labelled))
