"""Transactions with SELinux's own files, and the name of a working directory that stands for one of theirs."""

from selbox.enforce.seccomp import bpf
from selbox.enforce.seccomp.bpf import Instruction, Label
from selbox.enforce.seccomp.part import ALLOW, NOTIFY, FilterPart, FilterSettings, Program
from selbox.typing import Final

_STANDARD_OUTPUT: Final = 1
_SHORT: Final = 3
"""Bytes of a number and the end of its line: what a shell redirects to the files of selinuxfs."""


def _conditional(settings: FilterSettings) -> dict[str, Program]:
    is_transaction = Instruction(bpf.JUMP_IF_GREATER_OR_EQUAL, settings.transactions.end, ALLOW, NOTIFY)
    reading = (
        Instruction(bpf.LOAD_WORD, bpf.low_word(0)),
        Instruction(bpf.JUMP_IF_GREATER_OR_EQUAL, settings.transactions.first, "", ALLOW),
        is_transaction,
    )
    writing = (
        Instruction(bpf.LOAD_WORD, bpf.low_word(0)),
        Instruction(bpf.JUMP_IF_GREATER_OR_EQUAL, settings.transactions.first, "high"),
        Instruction(bpf.JUMP_IF_EQUAL, _STANDARD_OUTPUT, "", ALLOW),
        Instruction(bpf.LOAD_WORD, bpf.low_word(2)),
        Instruction(bpf.JUMP_IF_GREATER, _SHORT, ALLOW, NOTIFY),
        Label("high"),
        is_transaction,
    )
    return {"read": reading, "pread64": reading, "write": writing}


PART: Final = FilterPart(notified=("getcwd",), conditional=_conditional)
