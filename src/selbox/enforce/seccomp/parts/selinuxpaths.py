"""Transactions with SELinux's own files, and the name of a working directory that stands for one of theirs."""

from selbox.enforce.seccomp.part import FilterPart, FilterSettings, Program, when_transaction
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.typing import Final

_MOVABLE: Final = ("read", "pread64", "write", "pwrite64", "writev")

MOVABLE: Final = frozenset(NUMBERS[call] for call in _MOVABLE)
"""Calls that are about an open file, their first argument, wherever it has been moved to.

``lseek``, ``sendfile`` and ``splice`` are none of them: programs make them often, and hardly ever with such a file.
"""


def _conditional(settings: FilterSettings) -> dict[str, Program]:
    return dict.fromkeys((*_MOVABLE, "dup", "dup2", "dup3"), when_transaction(settings, 0))


PART: Final = FilterPart(notified=("getcwd",), conditional=_conditional)
