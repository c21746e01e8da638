"""The state of selbox's own files: what something that is kept from one run to the next depends on."""

import os
from collections.abc import Iterable

import selbox
from selbox.typing import Final

_PACKAGE: Final = os.path.dirname(os.path.abspath(selbox.__file__))


def files_state(rooms: Iterable[str]) -> tuple[tuple[str, int, int], ...]:
    """Return name, size and time of every file of selbox in some of its directories.

    Args:
        rooms: the directories, below the package's own.
    """
    state = []
    for room in rooms:
        with os.scandir(os.path.join(_PACKAGE, room)) as entries:
            for each in entries:
                if each.name.endswith(".py"):
                    status = each.stat()
                    state.append((each.name, status.st_size, status.st_mtime_ns))
    return tuple(sorted(state))
