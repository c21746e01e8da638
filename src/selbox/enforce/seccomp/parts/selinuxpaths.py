"""SELinux's own files: whether they exist, and transactions with them."""

from typing import Final

from selbox.enforce.seccomp import bpf
from selbox.enforce.seccomp.bpf import Instruction
from selbox.enforce.seccomp.part import ALLOW, NOTIFY, FilterPart, FilterSettings, Program, when_equal

_F_OK: Final = 0


def _conditional(settings: FilterSettings) -> dict[str, Program]:
    transaction = (
        Instruction(bpf.LOAD_WORD, bpf.low_word(0)),
        Instruction(bpf.JUMP_IF_GREATER_OR_EQUAL, settings.transactions.first, "", ALLOW),
        Instruction(bpf.JUMP_IF_GREATER_OR_EQUAL, settings.transactions.end, ALLOW, NOTIFY),
    )
    return {
        **dict.fromkeys(("read", "write", "pread64"), transaction),
        # Only whether SELinux's own files exist is answered otherwise than by the kernel.
        "access": when_equal(1, _F_OK),
        **dict.fromkeys(("faccessat", "faccessat2"), when_equal(2, _F_OK)),
    }


PART: Final = FilterPart(notified=("statfs",), conditional=_conditional)
