"""A small assembler for classic BPF programs over ``struct seccomp_data``.

Source: the kernel's ``include/uapi/linux/seccomp.h``, ``filter.h`` and ``bpf_common.h``.
"""

import struct

from selbox.typing import Final, NamedTuple

LOAD_WORD: Final = 0x20
JUMP: Final = 0x05
JUMP_IF_EQUAL: Final = 0x15
JUMP_IF_GREATER: Final = 0x25
JUMP_IF_GREATER_OR_EQUAL: Final = 0x35
JUMP_IF_ANY_BIT: Final = 0x45
RETURN: Final = 0x06
AND: Final = 0x54

OFFSET_NUMBER: Final = 0
OFFSET_ARCHITECTURE: Final = 4

RETURN_ALLOW: Final = 0x7FFF0000
RETURN_NOTIFY: Final = 0x7FC00000
RETURN_ERRNO: Final = 0x00050000

_INSTRUCTION = struct.Struct("=HBBI")


def low_word(argument: int) -> int:
    """Return the offset of the low half of a system call argument (0 to 5)."""
    return 16 + 8 * argument


def high_word(argument: int) -> int:
    """Return the offset of the high half of a system call argument (0 to 5)."""
    return 20 + 8 * argument


def return_errno(number: int) -> int:
    """Return the filter result that makes a call fail with an errno (0 makes it succeed without being run)."""
    return RETURN_ERRNO | number


class Label(NamedTuple):
    """A place in a program that jumps name."""

    name: str


class Instruction(NamedTuple):
    """One instruction; jumps name labels, and an empty name is the next instruction."""

    code: int
    operand: int = 0
    if_true: str = ""
    if_false: str = ""


def assemble(program: list[Instruction | Label]) -> bytes:
    """Return the program as the kernel takes it, 8 bytes an instruction.

    Conditional jumps reach 255 instructions; the filter keeps its returns near enough.

    Raises:
        ValueError: when a label is unknown or out of reach.
    """
    places: dict[str, int] = {}
    instructions: list[Instruction] = []
    for each in program:
        if isinstance(each, Instruction):
            instructions.append(each)
        else:
            places[each.name] = len(instructions)

    def distance(here: int, name: str) -> int:
        if name not in places or places[name] <= here:
            raise ValueError(f"label {name} is unknown or behind its jump")
        return places[name] - here - 1

    result = []
    for here, (code, operand, if_true, if_false) in enumerate(instructions):
        if code == JUMP:
            result.append(_INSTRUCTION.pack(code, 0, 0, distance(here, if_true)))
            continue
        true = distance(here, if_true) if if_true else 0
        false = distance(here, if_false) if if_false else 0
        if true > 255 or false > 255:
            raise ValueError(f"jump to {if_true or if_false} is out of reach")
        result.append(_INSTRUCTION.pack(code, true, false, operand))
    return b"".join(result)
