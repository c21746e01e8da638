"""The order in which libsepol's compilers write the table of rules: that of a hash table.

Entries stand by slot, then by source, target and class. Those of one source, target and class, a chain, are in the
order in which they came, but an extended rule comes before the first one of its kind.

Source: ``avtab_hash``, ``avtab_insert`` and ``avtab_alloc`` of libsepol 3.4.
"""

import sys
from array import array
from collections.abc import Collection, Sequence
from typing import Final

from selbox.model.extended import ExtendedRule

SLOTS: Final = 1 << 20
"""Slots of the table of a compiler, whatever the policy."""

_ALL = 0xFFFFFFFF


def places(keys: Collection[int]) -> list[int]:
    """Return for each key what the entries of the table ascend by: slot, source, target and class in one number.

    The keys are hashed all at once, side by side in long numbers, 64 bits for each: products of 32 bits fit in.

    Args:
        keys: source, target and class, each of 16 bits from the lowest; 16 bits above them do not matter.
    """
    ones = int.from_bytes(array("Q", [1]).tobytes() * len(keys), sys.byteorder)
    words, halves = ones * _ALL, ones * 0xFFFF
    together = int.from_bytes(array("Q", keys).tobytes(), sys.byteorder)
    source, target, object_class = together & halves, together >> 16 & halves, together >> 32 & halves
    state = 0
    for part in (object_class, target, source):
        value = part * 0xCC9E2D51 & words
        value = (value << 15 | value >> 17 & ones * 0x7FFF) & words
        state ^= value * 0x1B873593 & words
        state = (state << 13 | state >> 19 & ones * 0x1FFF) & words
        state = state * 5 + ones * 0xE6546B64 & words
    state = (state ^ state >> 16 & halves) * 0x85EBCA6B & words
    state = (state ^ state >> 13 & ones * 0x7FFFF) * 0xC2B2AE35 & words
    slots = (state ^ state >> 16 & halves) & ones * (SLOTS - 1)
    rest = source << 32 | target << 16 | object_class
    return [slot << 48 | each for slot, each in zip(_apart(slots, len(keys)), _apart(rest, len(keys)), strict=True)]


def _apart(together: int, count: int) -> "array[int]":
    """Return the numbers of 64 bits that stand side by side in a long one."""
    return array("Q", together.to_bytes(8 * count, sys.byteorder))


def in_chains(rules: Sequence[ExtendedRule]) -> list[ExtendedRule]:
    """Return extended rules so that those of each chain are in its order."""
    chains: dict[tuple[int, int, int], dict[int, list[ExtendedRule]]] = {}
    for rule in rules:
        kinds = chains.setdefault((rule.source, rule.target, rule.object_class), {})
        kinds.setdefault(rule.kind, []).append(rule)
    return [rule for kinds in chains.values() for chain in kinds.values() for rule in reversed(chain)]
