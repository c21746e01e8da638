"""Who tasks are, and what they give up."""

import errno

from selbox.enforce.linux import (
    PR_CAP_AMBIENT,
    PR_CAPBSET_DROP,
    PR_GET_NO_NEW_PRIVS,
    PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_SECUREBITS,
)
from selbox.enforce.seccomp import bpf
from selbox.enforce.seccomp.bpf import Instruction
from selbox.enforce.seccomp.part import ALLOW, NOTIFY, PRETEND, FilterPart, FilterSettings, Program
from selbox.typing import Final

_PR_SCHED_CORE: Final = 62
"""Says with which other processes one shares a processor: fails as on a kernel without it."""
_OPTIONS: Final = (PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_CAPBSET_DROP, PR_SET_SECUREBITS, PR_CAP_AMBIENT)


def _conditional(_settings: FilterSettings) -> dict[str, Program]:
    return {
        "prctl": (
            Instruction(bpf.LOAD_WORD, bpf.low_word(0)),
            # A process that made itself undumpable could not be read by an unprivileged supervisor: it is told that
            # it is.
            Instruction(bpf.JUMP_IF_EQUAL, PR_SET_DUMPABLE, PRETEND),
            *(Instruction(bpf.JUMP_IF_EQUAL, option, NOTIFY) for option in _OPTIONS),
            Instruction(bpf.JUMP_IF_EQUAL, _PR_SCHED_CORE, "", ALLOW),
            Instruction(bpf.RETURN, bpf.return_errno(errno.EINVAL)),
        ),
    }


PART: Final = FilterPart(
    notified=(
        *("setuid", "setgid", "setreuid", "setregid", "setgroups", "setresuid", "setresgid", "setfsuid", "setfsgid"),
    ),
    conditional=_conditional,
)
