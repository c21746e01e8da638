"""Transactions with SELinux's own files, and the name of a working directory that stands for one of theirs."""

from selbox.enforce.seccomp.part import FilterPart, FilterSettings, Program, when_transaction
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.typing import Final

_BY_FIRST: Final = ("read", "pread64", "write", "pwrite64", "writev", "lseek", "sendfile")
_MOVABLE: Final = dict.fromkeys(_BY_FIRST, 0) | {"splice": 2}

MOVABLE: Final = {NUMBERS[call]: argument for call, argument in _MOVABLE.items()}
"""Calls that are about an open file wherever it has been moved to, and which of their arguments is the descriptor."""

_ARGUMENTS: Final = _MOVABLE | dict.fromkeys(("dup", "dup2", "dup3"), 0)


def _conditional(settings: FilterSettings) -> dict[str, Program]:
    return {call: when_transaction(settings, argument) for call, argument in _ARGUMENTS.items()}


PART: Final = FilterPart(notified=("getcwd",), conditional=_conditional)
