"""Open files: commands, locks and flags."""

import errno

from selbox.enforce.seccomp import bpf
from selbox.enforce.seccomp.bpf import Instruction
from selbox.enforce.seccomp.part import ALLOW, NOTIFY, FilterPart, FilterSettings, Program, when_transaction
from selbox.typing import Final

F_SETFL: Final = 4
F_NOTIFY: Final = 1026
F_SETOWN: Final = 8
OWNERS: Final = (F_SETOWN, 15)
"""``F_SETOWN`` and ``F_SETOWN_EX``."""
SOCKET_OWNERS: Final = (0x8901, 0x8902)
"""``FIOSETOWN`` and ``SIOCSPGRP``."""
_F_SETSIG: Final = 10
_UNSENT: Final = (9, 19)
"""``SIGKILL`` and ``SIGSTOP``, which take permissions of their own and would be sent with nobody asked."""
DUPLICATES: Final = (0, 1030)
"""``F_DUPFD`` and ``F_DUPFD_CLOEXEC``."""
_O_APPEND: Final = 0o2000
F_SETLEASE: Final = 1024
_LOCKING: Final = (5, 6, 7, 36, 37, 38, F_SETLEASE)
"""``F_GETLK``, ``F_SETLK`` and ``F_SETLKW``, the same for open files (``F_OFD_*``), and ``F_SETLEASE``."""

FIOCLEX: Final = 0x5451
FIONCLEX: Final = 0x5450
FIONBIO: Final = 0x5421
FIOASYNC: Final = 0x5452

SPARED_CLOSE_ON_EXEC: Final = "FIOCLEX"
"""Spared where the policy has the capability ``ioctl_skip_cloexec``."""
SPARED_FLAGS: Final = "F_SETFL"
"""Spared where whoever may append to files may also write them."""


def _conditional(settings: FilterSettings) -> dict[str, Program]:
    unasked = (FIONBIO, FIOASYNC, *((FIOCLEX, FIONCLEX) if SPARED_CLOSE_ON_EXEC in settings.spared else ()))
    flags = () if SPARED_FLAGS in settings.spared else (Instruction(bpf.JUMP_IF_EQUAL, F_SETFL, "flags"),)
    return {
        "ioctl": (
            Instruction(bpf.LOAD_WORD, bpf.low_word(1)),
            *(Instruction(bpf.JUMP_IF_EQUAL, number, ALLOW) for number in unasked),
            Instruction(bpf.JUMP, 0, NOTIFY),
        ),
        "fcntl": (
            Instruction(bpf.LOAD_WORD, bpf.low_word(1)),
            *(Instruction(bpf.JUMP_IF_EQUAL, number, NOTIFY) for number in (*_LOCKING, F_NOTIFY, *OWNERS)),
            *(Instruction(bpf.JUMP_IF_EQUAL, number, "duplicates") for number in DUPLICATES),
            *flags,
            Instruction(bpf.JUMP_IF_EQUAL, _F_SETSIG, "", ALLOW),
            Instruction(bpf.LOAD_WORD, bpf.low_word(2)),
            *(Instruction(bpf.JUMP_IF_EQUAL, number, "unsent") for number in _UNSENT),
            Instruction(bpf.JUMP, 0, ALLOW),
            bpf.Label("unsent"),
            Instruction(bpf.RETURN, bpf.return_errno(errno.EINVAL)),
            bpf.Label("duplicates"),
            *when_transaction(settings, 0),
            bpf.Label("flags"),
            # Only to take "append" away is asked about.
            Instruction(bpf.LOAD_WORD, bpf.low_word(2)),
            Instruction(bpf.JUMP_IF_ANY_BIT, _O_APPEND, ALLOW, NOTIFY),
        ),
    }


PART: Final = FilterPart(notified=("flock",), conditional=_conditional)
