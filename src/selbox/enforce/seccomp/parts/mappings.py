"""Mapped memory: what is mapped from files, and what may be run."""

from selbox.enforce.seccomp import bpf
from selbox.enforce.seccomp.bpf import Instruction, Label
from selbox.enforce.seccomp.part import ALLOW, NOTIFY, FilterPart, FilterSettings, Program
from selbox.typing import Final

PROT_EXEC: Final = 4
MAP_ANONYMOUS: Final = 0x20
READ_IMPLIES_EXEC: Final = 0x0400000
MAP_FIXED: Final = 0x10 | 0x100000
"""``MAP_FIXED`` and ``MAP_FIXED_NOREPLACE``."""
MREMAP_FIXED: Final = 2
LOWEST_ADDRESS: Final = 1 << 16
"""Mapping below this address asks for ``mmap_zero`` (kernel: ``CONFIG_LSM_MMAP_MIN_ADDR``, as distributions set it)."""

_QUERY: Final = 0xFFFFFFFF


def _low_place(flags: int, bits: int, address: int, otherwise: str) -> Program:
    """Return the instructions that notify when a mapping is to be at a low address; they go on at a label else.

    Args:
        flags: argument with the flags.
        bits: those of which one says that the address is no mere hint.
        address: argument with the address.
        otherwise: name of the label.
    """
    return (
        Instruction(bpf.LOAD_WORD, bpf.low_word(flags)),
        Instruction(bpf.JUMP_IF_ANY_BIT, bits, "", otherwise),
        Instruction(bpf.LOAD_WORD, bpf.high_word(address)),
        Instruction(bpf.JUMP_IF_EQUAL, 0, "", otherwise),
        Instruction(bpf.LOAD_WORD, bpf.low_word(address)),
        Instruction(bpf.JUMP_IF_GREATER_OR_EQUAL, LOWEST_ADDRESS, otherwise, NOTIFY),
    )


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
        "mmap": (*_low_place(3, MAP_FIXED, 0, "high"), Label("high"), *mapped),
        "mremap": _low_place(3, MREMAP_FIXED, 4, ALLOW),
        **dict.fromkeys(("mprotect", "pkey_mprotect"), executable),
        # With this bit, memory that is mapped to be read can be run as well, and nobody would be asked.
        "personality": (
            Instruction(bpf.LOAD_WORD, bpf.low_word(0)),
            Instruction(bpf.JUMP_IF_EQUAL, _QUERY, ALLOW),
            Instruction(bpf.JUMP_IF_ANY_BIT, READ_IMPLIES_EXEC, NOTIFY, ALLOW),
        ),
    }


PART: Final = FilterPart(conditional=_conditional)
