"""Rules merged to one entry for each key, and put into the order of the file.

A policy's rules have a row for every statement; the file's table has one entry for a source, target, class and kind.
In conditionals every statement keeps its entry, and the last comes first.
"""

import sys
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import compress

from selbox.binary.kernel.accessvectors import ALL, check_extended, entry_bytes, file_data
from selbox.binary.kernel.output import u32s
from selbox.binary.kernel.ruleorder import in_chains, places
from selbox.binary.kernel.versions import Layout
from selbox.model.extended import ExtendedRule
from selbox.model.policy import Policy
from selbox.model.rules import UNCONDITIONAL, RuleKind, Rules

_FIRST_TYPE_KIND = int(RuleKind.TYPE_TRANSITION) << 48
_DONTAUDIT = int(RuleKind.DONTAUDIT) << 48
_ENABLED = 0x8000 << 48
_ENTRY_SIZE = 12

Table = dict[int, int]
"""Data by key; a key is what an entry's first eight bytes are as one number."""

Rows = list[tuple[int, int]]
"""Keys with their data."""

Placed = list[tuple[int, ExtendedRule]]
"""Extended rules in the order of the file, with how many other rules stand before each."""


class MergedRules:
    """All rules of a policy, one for each key.

    Attributes:
        always: the rules that always hold.
        branches: those of each branch in the order of the file, by the number in their ``condition`` column.
        extended: the extended rules, by that number too, those that always hold among them.
    """

    def __init__(self, policy: Policy) -> None:
        rules = policy.rules
        keys = _keys(rules)
        conditions = rules.condition
        self.branches = _branches(keys, rules) if any(conditions) else {}
        data: Iterable[int] = rules.data
        if self.branches:
            always = [condition == UNCONDITIONAL for condition in conditions]
            keys, data = list(compress(keys, always)), compress(data, always)
        self.always = _merged(keys, data)
        form = policy.binary_form
        if form is None:
            # A compiler takes in the type rules first, and they stay in front of the others of their chain.
            keys = sorted(self.always, key=_FIRST_TYPE_KIND.__gt__)
            order = places(keys)
            sorted_keys = [keys[each] for each in sorted(range(len(keys)), key=order.__getitem__)]
            self.always = {key: self.always[key] for key in sorted_keys}
            order.sort()
            self.extended = _compiled_extended(policy.extended_rules, order, self.branches)
        else:
            self.extended = _placed(policy.extended_rules, form.extended_places)

    def table_bytes(self, layout: Layout) -> bytes:
        """Return the table of the rules that always hold.

        Raises:
            SelboxError: ``binary-unwritable`` for extended rules in a version without them.
        """
        for placed in self.extended.values():
            check_extended(layout, (rule for _, rule in placed))
        plain = _packed(self.always, _in_file_form(self.always.items()))
        return self._run_bytes(plain, UNCONDITIONAL, is_on=False)

    def branch_bytes(self, branch: int, *, is_on: bool) -> bytes:
        """Return the entries of a branch after their number; ``is_on`` tells whether it holds at first."""
        rows = self.branches.get(branch, ())
        enabled = _ENABLED if is_on else 0
        plain = _packed([key | enabled for key, _ in rows], [file_data(key >> 48, data) for key, data in rows])
        return self._run_bytes(plain, branch, is_on=is_on)

    def _run_bytes(self, plain: bytes, condition: int, *, is_on: bool) -> bytes:
        """Return how many entries there are, and the plain and extended ones together."""
        placed = self.extended.get(condition, ())
        pieces = [u32s(len(plain) // _ENTRY_SIZE + len(placed))]
        done = 0
        for place, rule in placed:
            pieces += (plain[done : place * _ENTRY_SIZE], entry_bytes(rule, is_on=is_on))
            done = max(done, place * _ENTRY_SIZE)
        pieces.append(plain[done:])
        return b"".join(pieces)


def _keys(rules: Rules) -> list[int]:
    little = sys.byteorder == "little"
    quarters = array("H", bytes(8 * len(rules)))
    for index, column in enumerate((rules.source, rules.target, rules.object_class, rules.kind)):
        halves = array("H")
        halves.frombytes(column.tobytes())
        quarters[index if little else 3 - index :: 4] = halves[0 if little else 1 :: 2]
    keys = array("Q")
    keys.frombytes(quarters.tobytes())
    first = 1 | 1 << 16 | 1 << 32  # the file's numbers are ids plus one
    return [key + first for key in keys]


def _merged(keys: Sequence[int], data: Iterable[int]) -> Table:
    """Return rows with one data for each key; of type rules the first counts."""
    given = list(data)
    table = dict(zip(keys, given, strict=True))
    if len(table) == len(keys):
        return table
    several = {key for key, count in Counter(keys).items() if count > 1}
    joined: Table = {}
    for key, each in zip(keys, given, strict=True):
        if key in several:
            joined[key] = joined.get(key, 0) | each if key < _FIRST_TYPE_KIND else joined.get(key, each)
    table.update(joined)
    return table


def _branches(keys: Sequence[int], rules: Rules) -> dict[int, Rows]:
    """Return the rows of each branch, the last first; of type rules with one key the first is taken."""
    branches: dict[int, Rows] = {}
    seen: set[tuple[int, int]] = set()
    for key, data, condition in zip(keys, rules.data, rules.condition, strict=True):
        if condition == UNCONDITIONAL:
            continue
        if key >= _FIRST_TYPE_KIND:
            if (condition, key) in seen:
                continue
            seen.add((condition, key))
        branches.setdefault(condition, []).append((key, data))
    for rows in branches.values():
        rows.reverse()
    return branches


def _compiled_extended(
    rules: Iterable[ExtendedRule], order: Sequence[int], branches: dict[int, Rows]
) -> dict[int, Placed]:
    """Return extended rules, merged, in the places that a compiler gives them.

    Args:
        rules: of the policy.
        order: the places of the other rules that always hold, ascending.
        branches: the other rules of the branches, which come first there.
    """
    merged: dict[tuple[int, ...], ExtendedRule] = {}
    for rule in rules:
        key = _key_of(rule)
        before = merged.get(key)
        merged[key] = rule if before is None else before._replace(permissions=before.permissions | rule.permissions)
    result: dict[int, Placed] = {}
    always = in_chains([rule for rule in merged.values() if rule.condition == UNCONDITIONAL])
    own = places([rule.source + 1 | rule.target + 1 << 16 | rule.object_class + 1 << 32 for rule in always])
    result[UNCONDITIONAL] = [
        (bisect_right(order, own[each]), always[each]) for each in sorted(range(len(own)), key=own.__getitem__)
    ]
    for rule in reversed(merged.values()):
        if rule.condition != UNCONDITIONAL:
            result.setdefault(rule.condition, []).append((len(branches.get(rule.condition, ())), rule))
    return result


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


def _in_file_form(rows: Iterable[tuple[int, int]]) -> list[int]:
    """Return the data of many rules as :func:`file_data` does of one."""
    return [data if key < _DONTAUDIT else data + 1 if key >= _FIRST_TYPE_KIND else data ^ ALL for key, data in rows]


def _packed(keys: Iterable[int], data: Iterable[int]) -> bytes:
    """Return the entries of plain rules, whose data is in the file's form."""
    halves = array("I")
    halves.frombytes(array("Q", keys).tobytes())
    low, high = (0, 1) if sys.byteorder == "little" else (1, 0)
    entries = array("I", bytes(6 * len(halves)))
    entries[0::3] = halves[low::2]
    entries[1::3] = halves[high::2]
    entries[2::3] = array("I", data)
    if sys.byteorder == "big":
        entries.byteswap()
    return entries.tobytes()
