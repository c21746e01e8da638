"""Mapped memory: what is mapped from files, and what may be run."""

from typing import Final

from selbox.enforce.seccomp import bpf
from selbox.enforce.seccomp.bpf import Instruction
from selbox.enforce.seccomp.part import ALLOW, NOTIFY, FilterPart, FilterSettings, Program

PROT_EXEC: Final = 4
MAP_ANONYMOUS: Final = 0x20
READ_IMPLIES_EXEC: Final = 0x0400000
_QUERY: Final = 0xFFFFFFFF


def _conditional(settings: FilterSettings) -> dict[str, Program]:
    executable = (
        Instruction(bpf.LOAD_WORD, bpf.low_word(2)),
        Instruction(bpf.JUMP_IF_ANY_BIT, PROT_EXEC, NOTIFY, ALLOW),
    )
    mapped: Program = executable
    if "mmap" not in settings.spared:
        mapped = (
            Instruction(bpf.LOAD_WORD, bpf.low_word(2)),
            Instruction(bpf.JUMP_IF_ANY_BIT, PROT_EXEC, NOTIFY),
            Instruction(bpf.LOAD_WORD, bpf.low_word(3)),
            Instruction(bpf.JUMP_IF_ANY_BIT, MAP_ANONYMOUS, ALLOW, NOTIFY),
        )
    return {
        "mmap": mapped,
        **dict.fromkeys(("mprotect", "pkey_mprotect"), executable),
        # With this bit, memory that is mapped to be read can be run as well, and nobody would be asked.
        "personality": (
            Instruction(bpf.LOAD_WORD, bpf.low_word(0)),
            Instruction(bpf.JUMP_IF_EQUAL, _QUERY, ALLOW),
            Instruction(bpf.JUMP_IF_ANY_BIT, READ_IMPLIES_EXEC, NOTIFY, ALLOW),
        ),
    }


PART: Final = FilterPart(conditional=_conditional)
