"""Rules merged to one entry for each key, and put into the order of the file.

A policy's rules have a row for every statement; the file's table has one entry for a source, target, class and kind.
In conditionals every statement keeps its entry, and the last comes first.
"""

import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress

from selbox.binary.kernel.accessvectors import check_extended, entry_bytes, file_data
from selbox.binary.kernel.entries import ENABLED, ENTRY
from selbox.binary.kernel.entrycolumns import EntryRules
from selbox.binary.kernel.output import u32s
from selbox.binary.kernel.ruleorder import in_chains, in_order, places
from selbox.binary.kernel.versions import Layout
from selbox.model.extended import ExtendedRule
from selbox.model.policy import Policy
from selbox.model.rules import UNCONDITIONAL, RuleKind, Rules
from selbox.typing import Final

_FIRST_TYPE_KIND = int(RuleKind.TYPE_TRANSITION) << 48
_DONTAUDIT = int(RuleKind.DONTAUDIT) << 48
_ENABLED = ENABLED << 48
_ENTRY_SIZE = ENTRY.size
_KIND_END = 7
"""Place of the upper byte of an entry's kind."""

MANY: Final = 50_000
"""Rules of a compiled policy from which on it pays to import numpy and to arrange them in arrays."""

Rows = list[tuple[int, int]]
"""Keys with their data; a key is what an entry's first eight bytes are as one number."""

Placed = list[tuple[int, ExtendedRule]]
"""Extended rules in the order of the file, with how many other rules stand before each."""


class MergedRules:
    """All rules of a policy, one for each key.

    Attributes:
        keys, data: the rules that always hold, in the order of the file.
        branches: those of each branch in the order of the file, by the number in their ``condition`` column.
        extended: the extended rules, by that number too, those that always hold among them.
    """

    def __init__(self, policy: Policy) -> None:
        rules = policy.rules
        keys = _keys(rules)
        conditions = rules.condition
        self.branches = _branches(compress(zip(conditions, keys, rules.data, strict=True), conditions))
        form = policy.binary_form
        if form is not None:
            self.keys, self.data = _merged(keys, rules)
            self.extended = _placed(policy.extended_rules, form.extended_places)
            return
        if len(rules) < MANY:
            self.keys, self.data = _in_order(*_merged(keys, rules))
        else:
            from selbox.binary.kernel.mergedarrays import merged_in_order  # numpy: fewer rules do not pay for it

            self.keys, self.data = merged_in_order(rules)
        self.extended = _compiled_extended(policy.extended_rules, self.keys, self.branches)

    def table_bytes(self, layout: Layout) -> bytes:
        """Return the table of the rules that always hold.

        Raises:
            SelboxError: ``binary-unwritable`` for extended rules in a version without them.
        """
        _check_all_extended(layout, self.extended)
        plain = _packed(self.keys, _in_file_form(self.keys, self.data))
        return _run_bytes(plain, self.extended.get(UNCONDITIONAL, ()), is_on=False)

    def branch_bytes(self, branch: int, *, is_on: bool) -> bytes:
        """Return the entries of a branch after their number; ``is_on`` tells whether it holds at first."""
        rows = self.branches.get(branch, ())
        enabled = _ENABLED if is_on else 0
        keys = array("Q", [key | enabled for key, _ in rows])
        plain = _packed(keys, array("I", [file_data(key >> 48, data) for key, data in rows]))
        return _run_bytes(plain, self.extended.get(branch, ()), is_on=is_on)


class RulesAsRead:
    """All rules of a policy that was read from a binary, whose entries are those of the file."""

    def __init__(self, rules: EntryRules, extended: Sequence[ExtendedRule], extended_places: Sequence[int]) -> None:
        self._rules = rules
        self._extended = _placed(extended, extended_places)

    def table_bytes(self, layout: Layout) -> bytes:
        """Do as :meth:`MergedRules.table_bytes`."""
        _check_all_extended(layout, self._extended)
        return _run_bytes(self._rules.always, self._extended.get(UNCONDITIONAL, ()), is_on=False)

    def branch_bytes(self, branch: int, *, is_on: bool) -> bytes:
        """Do as :meth:`MergedRules.branch_bytes`."""
        content = bytearray(self._rules.branches.get(branch, b""))
        content[_KIND_END::_ENTRY_SIZE] = bytes((ENABLED >> 8 if is_on else 0,)) * (len(content) // _ENTRY_SIZE)
        return _run_bytes(bytes(content), self._extended.get(branch, ()), is_on=is_on)


def rules_to_write(policy: Policy) -> MergedRules | RulesAsRead:
    """Return the rules of a policy in the form of the file."""
    form = policy.binary_form
    if form is not None and isinstance(policy.rules, EntryRules):
        return RulesAsRead(policy.rules, policy.extended_rules, form.extended_places)
    return MergedRules(policy)


def _check_all_extended(layout: Layout, extended: Mapping[int, Placed]) -> None:
    for placed in extended.values():
        check_extended(layout, (rule for _, rule in placed))


def _run_bytes(plain: bytes, placed: Placed | tuple[()], *, is_on: bool) -> bytes:
    """Return how many entries there are, and the plain and extended ones together."""
    pieces = [u32s(len(plain) // _ENTRY_SIZE + len(placed))]
    done = 0
    for place, rule in placed:
        pieces += (plain[done : place * _ENTRY_SIZE], entry_bytes(rule, is_on=is_on))
        done = max(done, place * _ENTRY_SIZE)
    pieces.append(plain[done:])
    return b"".join(pieces)


def _keys(rules: Rules) -> "array[int]":
    little = sys.byteorder == "little"
    quarters = array("H", bytes(8 * len(rules)))
    for index, column in enumerate((rules.source, rules.target, rules.object_class, rules.kind)):
        halves = array("H")
        halves.frombytes(column.tobytes())
        quarters[index if little else 3 - index :: 4] = halves[0 if little else 1 :: 2]
    # The file's numbers are ids plus one. All ids are less than 16 bits can say, so that one addition of two long
    # numbers adds to each.
    ones = array("Q", [1 | 1 << 16 | 1 << 32]) * len(rules)
    keys = int.from_bytes(quarters.tobytes(), sys.byteorder) + int.from_bytes(ones.tobytes(), sys.byteorder)
    return array("Q", keys.to_bytes(8 * len(rules), sys.byteorder))


def _merged(keys: Iterable[int], rules: Rules) -> "tuple[array[int], array[int]]":
    """Return the keys of the rules that always hold, each once, and their data; of type rules the first counts."""
    table: dict[int, int] = {}
    setdefault = table.setdefault
    for key, each, condition in zip(keys, rules.data, rules.condition, strict=True):
        if condition != UNCONDITIONAL:
            continue
        before = setdefault(key, each)
        if before != each and key < _FIRST_TYPE_KIND:
            table[key] = before | each
    return array("Q", table), array("I", table.values())


def _in_order(keys: "array[int]", data: "array[int]") -> "tuple[array[int], array[int]]":
    order = in_order(keys)
    return array("Q", [keys[at] for at in order]), array("I", [data[at] for at in order])


def _branches(rows: Iterable[tuple[int, int, int]]) -> dict[int, Rows]:
    """Return the rows of each branch, the last first; of type rules with one key the first is taken.

    Args:
        rows: branch, key and data of each.
    """
    branches: dict[int, Rows] = {}
    seen: set[tuple[int, int]] = set()
    for branch, key, data in rows:
        if key >= _FIRST_TYPE_KIND:
            if (branch, key) in seen:
                continue
            seen.add((branch, key))
        branches.setdefault(branch, []).append((key, data))
    for each in branches.values():
        each.reverse()
    return branches


def _compiled_extended(
    rules: Iterable[ExtendedRule], keys: Sequence[int], branches: dict[int, Rows]
) -> dict[int, Placed]:
    """Return extended rules, merged, in the places that a compiler gives them.

    Args:
        rules: of the policy.
        keys: of the other rules that always hold, in the order of the file.
        branches: the other rules of the branches, which come first there.
    """
    merged = _merged_extended(rules)
    result: dict[int, Placed] = {}
    always = placed_extended([rule for rule in merged if rule.condition == UNCONDITIONAL])
    order = places(keys) if always else []
    result[UNCONDITIONAL] = [(bisect_right(order, place), rule) for place, rule in always]
    for rule in reversed(merged):
        if rule.condition != UNCONDITIONAL:
            result.setdefault(rule.condition, []).append((len(branches.get(rule.condition, ())), rule))
    return result


def _merged_extended(rules: Iterable[ExtendedRule]) -> list[ExtendedRule]:
    """Return extended rules, one for each key."""
    merged: dict[tuple[int, ...], ExtendedRule] = {}
    for rule in rules:
        key = _key_of(rule)
        before = merged.get(key)
        merged[key] = rule if before is None else before._replace(permissions=before.permissions | rule.permissions)
    return list(merged.values())


def placed_extended(rules: Iterable[ExtendedRule]) -> list[tuple[int, ExtendedRule]]:
    """Return extended rules that always hold in the order of the file, one for each key.

    Returns:
        Each behind what :func:`selbox.binary.kernel.ruleorder.places` says of its source, target and class.
    """
    chained = in_chains(_merged_extended(rules))
    own = places([rule.source + 1 | rule.target + 1 << 16 | rule.object_class + 1 << 32 for rule in chained])
    return [(own[each], chained[each]) for each in sorted(range(len(own)), key=own.__getitem__)]


def _key_of(rule: ExtendedRule) -> tuple[int, ...]:
    return rule.kind, rule.source, rule.target, rule.object_class, rule.specifier, rule.driver, rule.condition


def _placed(rules: Sequence[ExtendedRule], extended_places: Sequence[int]) -> dict[int, Placed]:
    """Return the extended rules of a binary in their places; those that came later stand at the beginning.

    Statements that one of them was merged from, which follow one another, are one again.
    """
    known = [*extended_places[: len(rules)], *[0] * (len(rules) - len(extended_places))]
    result: dict[int, Placed] = {}
    for rule, place in zip(rules, known, strict=True):
        placed = result.setdefault(rule.condition, [])
        if placed and placed[-1][0] == place and _key_of(placed[-1][1]) == _key_of(rule):
            before = placed.pop()[1]
            rule = before._replace(permissions=before.permissions | rule.permissions)
        placed.append((place, rule))
    for condition, placed in result.items():
        if condition != UNCONDITIONAL:
            placed.reverse()
    return result


def _in_file_form(keys: "array[int]", data: "array[int]") -> "array[int]":
    """Return the data of many rules as :func:`file_data` does of one."""
    result = data[:]
    for at, key in enumerate(keys):
        if key >= _DONTAUDIT:
            result[at] = file_data(key >> 48, data[at])
    return result


def _packed(keys: "array[int]", data: "array[int]") -> bytes:
    """Return the entries of plain rules, whose data is in the file's form."""
    halves = array("I")
    halves.frombytes(keys.tobytes())
    low, high = (0, 1) if sys.byteorder == "little" else (1, 0)
    entries = array("I", bytes(6 * len(halves)))
    entries[0::3] = halves[low::2]
    entries[1::3] = halves[high::2]
    entries[2::3] = data
    if sys.byteorder == "big":
        entries.byteswap()
    return entries.tobytes()
