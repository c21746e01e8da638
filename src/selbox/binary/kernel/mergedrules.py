"""Rules merged to one row for each key, in the order in which libsepol writes them.

A policy's rules have a row for every statement; the file has one entry for a source, target, class and kind. Its order
is that of a hash table: by slot, then by source, target and class, then as they came. In conditionals every statement
keeps its entry, and the last comes first.

Source: ``avtab_hash``, ``avtab_insert`` and ``avtab_alloc`` of libsepol and of the kernel.
"""

import sys
from array import array
from collections.abc import Iterable, Sequence
from itertools import compress
from typing import Final

from selbox.binary.kernel.accessvectors import ALL, check_extended, entry_bytes, file_data
from selbox.binary.kernel.output import u32s
from selbox.binary.kernel.versions import Layout
from selbox.model.extended import ExtendedRule
from selbox.model.policy import Policy
from selbox.model.rules import UNCONDITIONAL, RuleKind, Rules

COMPILER_SLOTS: Final = 1 << 20
"""Slots of the table of a compiler."""

_SOURCE = 0xFFFF
_KEY = (1 << 48) - 1
_FIRST_TYPE_KIND = int(RuleKind.TYPE_TRANSITION)
_DONTAUDIT = int(RuleKind.DONTAUDIT)

_ENABLED = 0x8000 << 48

Table = dict[int, int]
"""Data by key; a key is what an entry's first eight bytes are as one number."""

Rows = list[tuple[int, int]]
"""Keys with their data."""


class MergedRules:
    """All rules of a policy, one for each key.

    Attributes:
        always: the rules that always hold.
        branches: those of each branch in the order of the file, by the number in their ``condition`` column.
        extended: the extended rules that always hold.
        extended_branches: those of each branch.
        is_compiled: whether the order of the rules is a compiler's matter. Rules of a binary keep theirs, unless they
            have come to know their places in a source, for then they are in its order.
    """

    def __init__(self, policy: Policy) -> None:
        rules = policy.rules
        keys = _keys(rules)
        self.is_compiled = policy.binary_form is None or any(rules.origin)
        conditions = rules.condition
        self.branches = _branches(keys, rules) if any(conditions) else {}
        always = [condition == UNCONDITIONAL for condition in conditions] if self.branches else None
        data: Iterable[int] = rules.data
        if always is not None:
            keys, data = list(compress(keys, always)), compress(data, always)
        self.always = _merged(keys, data)
        self.extended_branches: dict[int, list[ExtendedRule]] = {}
        for rule in _merged_extended(policy.extended_rules):
            self.extended_branches.setdefault(rule.condition, []).append(rule)
        self.extended = self.extended_branches.pop(UNCONDITIONAL, [])

    def branch_bytes(self, branch: int, *, is_on: bool) -> bytes:
        """Return the entries of a branch after their number; ``is_on`` tells whether it holds at first."""
        rows = self.branches.get(branch, ())
        extended = self.extended_branches.get(branch, ())
        enabled = _ENABLED if is_on else 0
        plain = _packed([key | enabled for key, _ in rows], [file_data(key >> 48, data) for key, data in rows])
        pieces = [entry_bytes(each, is_on=is_on) for each in reversed(extended)]
        return b"".join((u32s(len(rows) + len(extended)), plain, *pieces))


def _keys(rules: Rules) -> list[int]:
    first = 1 | 1 << 16 | 1 << 32  # the file's numbers are ids plus one
    return [
        source + (target << 16) + (object_class << 32) + (kind << 48) + first
        for source, target, object_class, kind in zip(
            rules.source, rules.target, rules.object_class, rules.kind, strict=True
        )
    ]


def _merged(keys: Sequence[int], data: Iterable[int]) -> Table:
    """Return rows with one data for each key; of type rules the first counts."""
    given = list(data)
    table = dict(zip(keys, given, strict=True))
    if len(table) == len(keys):
        return table
    table.clear()
    for key, each in zip(keys, given, strict=True):
        before = table.get(key)
        if before is None:
            table[key] = each
        elif key < _FIRST_TYPE_KIND << 48:
            table[key] = before | each
    return table


def _branches(keys: Sequence[int], rules: Rules) -> dict[int, Rows]:
    """Return the rows of each branch, the last first; of type rules with one key the first is taken."""
    branches: dict[int, Rows] = {}
    seen: set[tuple[int, int]] = set()
    for key, data, condition in zip(keys, rules.data, rules.condition, strict=True):
        if condition == UNCONDITIONAL:
            continue
        if key >= _FIRST_TYPE_KIND << 48:
            if (condition, key) in seen:
                continue
            seen.add((condition, key))
        branches.setdefault(condition, []).append((key, data))
    for rows in branches.values():
        rows.reverse()
    return branches


def _merged_extended(rules: Iterable[ExtendedRule]) -> list[ExtendedRule]:
    """Return extended rules with the permissions of equal keys joined."""
    merged: dict[tuple[int, ...], ExtendedRule] = {}
    for rule in rules:
        key = (rule.kind, rule.source, rule.target, rule.object_class, rule.specifier, rule.driver, rule.condition)
        before = merged.get(key)
        merged[key] = rule if before is None else before._replace(permissions=before.permissions | rule.permissions)
    return list(merged.values())


def access_vectors_bytes(merged: MergedRules, layout: Layout) -> bytes:
    """Return the table of the rules that always hold.

    A compiler's hash table gives the order. Entries of a binary stay as they are, for whoever wrote them had such a
    table too; extended rules come where its order has them.
    """
    check_extended(layout, merged.extended)
    keys = list(merged.always)
    if not merged.extended and not merged.is_compiled:
        return u32s(len(keys)) + _packed(keys, _in_file_form(keys, merged.always.values()))
    if merged.is_compiled:
        # A compiler takes in the type rules first, and they stay in front of the others in the chains of a slot.
        keys.sort(key=(_FIRST_TYPE_KIND << 48).__gt__)
    places = _places(keys)
    slots = COMPILER_SLOTS
    if merged.is_compiled:
        mask = (slots - 1) << 48 | _KEY
        order = sorted(range(len(keys)), key=[place & mask for place in places].__getitem__)
        keys = [keys[each] for each in order]
        places = [places[each] for each in order]
    else:
        slots = _slots_of(places, len(keys) + len(merged.extended))
    plain = _packed(keys, _in_file_form(keys, map(merged.always.__getitem__, keys)))
    head = u32s(len(keys) + len(merged.extended))
    if not merged.extended:
        return head + plain
    return head + _interleaved(plain, places, merged, slots)


def _in_file_form(keys: Iterable[int], data: Iterable[int]) -> list[int]:
    """Return the data of many rules as :func:`file_data` does of one."""
    return [
        each if key < _DONTAUDIT << 48 else each + 1 if key >= _FIRST_TYPE_KIND << 48 else each ^ ALL
        for key, each in zip(keys, data, strict=True)
    ]


def _packed(keys: Sequence[int], data: Sequence[int]) -> bytes:
    """Return the entries of plain rules, whose data is in the file's form."""
    halves = array("I")
    halves.frombytes(array("Q", keys).tobytes())
    low, high = (0, 1) if sys.byteorder == "little" else (1, 0)
    entries = array("I", bytes(12 * len(keys)))
    entries[0::3] = halves[low::2]
    entries[1::3] = halves[high::2]
    entries[2::3] = array("I", data)
    if sys.byteorder == "big":
        entries.byteswap()
    return entries.tobytes()


def _interleaved(plain: bytes, places: Sequence[int], merged: MergedRules, slots: int) -> bytes:
    """Return the entries of plain and extended rules together."""
    mask = (slots - 1) << 48 | _KEY
    extended = _in_chains(merged.extended) if merged.is_compiled else merged.extended
    extended_places = [
        place & mask
        for place in _places(
            [rule.source + 1 | rule.target + 1 << 16 | rule.object_class + 1 << 32 for rule in extended]
        )
    ]
    order = sorted(range(len(extended)), key=extended_places.__getitem__)
    pieces: list[bytes] = []
    done = row = 0
    for each in order:
        while row < len(places) and places[row] & mask <= extended_places[each]:
            row += 1
        pieces += (plain[done * 12 : row * 12], entry_bytes(extended[each]))
        done = row
    pieces.append(plain[done * 12 :])
    return b"".join(pieces)


def _in_chains(rules: Sequence[ExtendedRule]) -> list[ExtendedRule]:
    """Return extended rules in the order in which they come to stand in the chain of their key.

    A new one comes before the first of its kind, behind those of other kinds.
    """
    chains: dict[tuple[int, int, int], dict[int, list[ExtendedRule]]] = {}
    for rule in rules:
        kinds = chains.setdefault((rule.source, rule.target, rule.object_class), {})
        kinds.setdefault(rule.kind, []).insert(0, rule)
    return [rule for kinds in chains.values() for chain in kinds.values() for rule in chain]


def _places(keys: Sequence[int]) -> list[int]:
    """Return what entries are sorted by: the hash above source, target and class."""
    states: dict[int, int] = {}
    mixed: dict[int, int] = {}
    result: list[int] = []
    append = result.append
    for key in keys:
        rest = key >> 16 & 0xFFFFFFFF
        state = states.get(rest)
        if state is None:
            state = states[rest] = _mix(_mix(0, _scrambled(rest >> 16)), _scrambled(rest & 0xFFFF))
        source = key & _SOURCE
        value = mixed.get(source)
        if value is None:
            value = mixed[source] = _scrambled(source)
        state ^= value
        state = (((state << 13 | state >> 19) & ALL) * 5 + 0xE6546B64) & ALL
        state = ((state ^ state >> 16) * 0x85EBCA6B) & ALL
        state = ((state ^ state >> 13) * 0xC2B2AE35) & ALL
        append((state ^ state >> 16) << 48 | source << 32 | (rest & 0xFFFF) << 16 | rest >> 16)
    return result


def _scrambled(value: int) -> int:
    value = value * 0xCC9E2D51 & ALL
    return (value << 15 | value >> 17) * 0x1B873593 & ALL


def _mix(state: int, value: int) -> int:
    state ^= value
    return (((state << 13 | state >> 19) & ALL) * 5 + 0xE6546B64) & ALL


def _slots_of(places: Sequence[int], count: int) -> int:
    """Return how many slots the table had whose order the entries are in.

    A compiler's table has a fixed number; libsepol's and the kernel's follow from how many entries were to be read.
    """
    shift = count.bit_length()
    candidates = [COMPILER_SLOTS, 1 << (shift - 2 if shift > 2 else shift)]
    candidates += [1 << bits for bits in range(1, 21)]
    for slots in candidates:
        mask = slots - 1 << 48 | _KEY
        previous = 0
        for place in places:
            if place & mask < previous:
                break
            previous = place & mask
        else:
            return slots
    return COMPILER_SLOTS
