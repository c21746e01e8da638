"""Transactions with SELinux's own files."""

from selbox.enforce.seccomp import bpf
from selbox.enforce.seccomp.bpf import Instruction
from selbox.enforce.seccomp.part import ALLOW, NOTIFY, FilterPart, FilterSettings, Program
from selbox.typing import Final


def _conditional(settings: FilterSettings) -> dict[str, Program]:
    transaction = (
        Instruction(bpf.LOAD_WORD, bpf.low_word(0)),
        Instruction(bpf.JUMP_IF_GREATER_OR_EQUAL, settings.transactions.first, "", ALLOW),
        Instruction(bpf.JUMP_IF_GREATER_OR_EQUAL, settings.transactions.end, ALLOW, NOTIFY),
    )
    return dict.fromkeys(("read", "write", "pread64"), transaction)


PART: Final = FilterPart(conditional=_conditional)
