"""The order in which libsepol's compilers write the table of rules: that of a hash table.

Entries stand by slot, then by source, target and class. Those of one source, target and class, a chain, are in the
order in which they came, but an extended rule comes before the first one of its kind.

Source: ``avtab_hash``, ``avtab_insert`` and ``avtab_alloc`` of libsepol 3.4.
"""

import sys
from array import array
from collections.abc import Collection, Sequence
from itertools import compress, islice
from operator import eq, or_

from selbox.model.extended import ExtendedRule
from selbox.model.rules import RuleKind
from selbox.typing import Final

SLOTS: Final = 1 << 20
"""Slots of the table of a compiler, whatever the policy."""

_ALL = 0xFFFFFFFF
_FIRST_TYPE_KIND = int(RuleKind.TYPE_TRANSITION)
_EXPONENT: Final = 0x433 << 52
"""The upper bits of a floating-point number whose lower ones count as they stand."""

_CHUNK: Final = 2048
"""Keys that are hashed at once: what is worked out of them stays near the processor."""


def places(keys: Collection[int]) -> list[int]:
    """Return for each key what the entries of the table ascend by: slot, source, target and class in one number.

    Args:
        keys: source, target and class, each of 16 bits from the lowest; 16 bits above them do not matter.
    """
    return [slot << 48 | _triple(key) for slot, key in zip(_slots(keys), keys, strict=True)]


def in_order(keys: Sequence[int]) -> "array[int]":
    """Return the positions of keys in the order of the table.

    Args:
        keys: the kinds of rules in the bits above what :func:`places` takes. A compiler takes in the type rules first;
            other rules of a chain stay in the order that they have.
    """
    slots = _slots(keys)
    # Few keys share a slot. To sort all the others by the slot alone, a small number, is several times as quick.
    found = array("I", sorted(range(len(keys)), key=slots.__getitem__))
    ascending = [slots[at] for at in found]
    as_next = list(map(eq, ascending, islice(ascending, 1, None)))
    shared = list(compress(range(len(keys)), map(or_, [*as_next, False], [False, *as_next])))
    positions = list(map(found.__getitem__, shared))
    sharing = [keys[each] for each in positions]
    later = [key >> 48 < _FIRST_TYPE_KIND for key in sharing]
    for at, (_, _, position) in zip(shared, sorted(zip(places(sharing), later, positions, strict=True)), strict=True):
        found[at] = position
    return found


def _triple(key: int) -> int:
    """Return source, target and class of a key in one number; such numbers ascend by source first."""
    return (key & 0xFFFF) << 32 | (key >> 16 & 0xFFFF) << 16 | key >> 32 & 0xFFFF


def _slots(keys: Collection[int]) -> "array[int]":
    """Return the slots of keys.

    The keys are hashed all at once, side by side in long numbers, 64 bits for each: products of 32 bits fit in.
    """
    together = int.from_bytes(array("Q", keys).tobytes(), sys.byteorder)
    return array("Q", _slots_side_by_side(together, _repeated(1, len(keys))).to_bytes(8 * len(keys), sys.byteorder))


def _slots_side_by_side(together: int, ones: int) -> int:
    """Return the slots of keys that stand side by side, 64 bits for each; ``ones`` has a 1 for each."""
    words, halves = ones * _ALL, ones * 0xFFFF
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
    return (state ^ state >> 16 & halves) & ones * (SLOTS - 1)


def in_slots(keys: "array[int]") -> "array[int]":
    """Return the places of keys in the order of the table, where they ascend by source, target and class already.

    Slot and place of each key, side by side, are made the bits of a floating-point number: the interpreter sorts
    nothing more quickly, and equal slots keep the order of the places.

    Args:
        keys: as for :func:`places`, in 64 bits each.
    """
    numbers = array("d")
    for start in range(0, len(keys), _CHUNK):
        numbers.frombytes(_placed_slots(keys[start : start + _CHUNK], start))
    numbers = array("d", sorted(numbers))
    words = array("I")
    words.frombytes(numbers.tobytes())
    return words[0 if sys.byteorder == "little" else 1 :: 2]


def _placed_slots(keys: "array[int]", start: int) -> bytes:
    """Return numbers in whose order the slots of keys ascend; their lower halves are places, from a first on."""
    count = len(keys)
    ones = _repeated(1, count)
    together = int.from_bytes(keys.tobytes(), sys.byteorder)
    own = int.from_bytes(array("Q", range(start, start + count)).tobytes(), sys.byteorder)
    return (_slots_side_by_side(together, ones) << 32 | own | ones * _EXPONENT).to_bytes(8 * count, sys.byteorder)


def _repeated(number: int, count: int) -> int:
    return int.from_bytes(array("Q", [number]).tobytes() * count, sys.byteorder)


def in_chains(rules: Sequence[ExtendedRule]) -> list[ExtendedRule]:
    """Return extended rules so that those of each chain are in its order."""
    chains: dict[tuple[int, int, int], dict[int, list[ExtendedRule]]] = {}
    for rule in rules:
        kinds = chains.setdefault((rule.source, rule.target, rule.object_class), {})
        kinds.setdefault(rule.kind, []).append(rule)
    return [rule for kinds in chains.values() for chain in kinds.values() for rule in reversed(chain)]
