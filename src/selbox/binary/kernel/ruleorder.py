"""The order in which libsepol's compilers write the table of rules: that of a hash table.

Entries stand by slot, then by source, target and class. Those of one source, target and class, a chain, are in the
order in which they came, but an extended rule comes before the first one of its kind.

Source: ``avtab_hash``, ``avtab_insert`` and ``avtab_alloc`` of libsepol 3.4.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from selbox.model.extended import ExtendedRule

SLOTS: Final = 1 << 20
"""Slots of the table of a compiler, whatever the policy."""

_ALL = 0xFFFFFFFF
_MASK = (SLOTS - 1) << 48 | (1 << 48) - 1


def places(keys: Iterable[int]) -> list[int]:
    """Return for each key what the entries of the table ascend by: slot, source, target and class in one number.

    Args:
        keys: source, target and class, each of 16 bits from the lowest; bits above them do not matter.
    """
    states: dict[int, int] = {}
    mixed: dict[int, int] = {}
    result: list[int] = []
    append = result.append
    for key in keys:
        rest = key >> 16 & _ALL
        state = states.get(rest)
        if state is None:
            state = states[rest] = _mix(_mix(0, _scrambled(rest >> 16)), _scrambled(rest & 0xFFFF))
        source = key & 0xFFFF
        value = mixed.get(source)
        if value is None:
            value = mixed[source] = _scrambled(source)
        state ^= value
        state = (((state << 13 | state >> 19) & _ALL) * 5 + 0xE6546B64) & _ALL
        state = ((state ^ state >> 16) * 0x85EBCA6B) & _ALL
        state = ((state ^ state >> 13) * 0xC2B2AE35) & _ALL
        append(((state ^ state >> 16) << 48 | source << 32 | (rest & 0xFFFF) << 16 | rest >> 16) & _MASK)
    return result


def _scrambled(value: int) -> int:
    value = value * 0xCC9E2D51 & _ALL
    return (value << 15 | value >> 17) * 0x1B873593 & _ALL


def _mix(state: int, value: int) -> int:
    state ^= value
    return (((state << 13 | state >> 19) & _ALL) * 5 + 0xE6546B64) & _ALL


def in_chains(rules: Sequence[ExtendedRule]) -> list[ExtendedRule]:
    """Return extended rules so that those of each chain are in its order."""
    chains: dict[tuple[int, int, int], dict[int, list[ExtendedRule]]] = {}
    for rule in rules:
        kinds = chains.setdefault((rule.source, rule.target, rule.object_class), {})
        kinds.setdefault(rule.kind, []).append(rule)
    return [rule for kinds in chains.values() for chain in kinds.values() for rule in reversed(chain)]
