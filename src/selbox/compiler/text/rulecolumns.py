"""Columns of rules put together to numbers, many at once, which takes no step of the interpreter for a row."""

import sys
from array import array
from collections import defaultdict
from collections.abc import Hashable, Sequence
from itertools import groupby

from selbox.model.rules import ACCESS_KINDS, UNCONDITIONAL, KeyedRules, Rules
from selbox.typing import Final, NamedTuple

WORD: Final = 32
WORD_MASK: Final = (1 << WORD) - 1
HALF: Final = 16
HALF_MASK: Final = (1 << HALF) - 1
# INVARIANT: a class has a number of 16 bits, as in the kernel's policy; so has a kind of rule.

ACCESS: Final = sum(ACCESS_KINDS)
"""The bits of the kinds whose data are permissions."""

_ANY_KIND: Final = HALF_MASK

_LOW_AT, _HIGH_AT = (0, 1) if sys.byteorder == "little" else (1, 0)


class RuleColumns(NamedTuple):
    """Rules of which no two have the same kind, source, target and class, but for conditional access rules.

    Attributes:
        keyed: how many stand first that hold always.
        runs: condition, first row and the row after the last of all others, those of one run side by side.
        source, target: as in the columns of that name.
        content: kind and class, half a word each, and the data; 0 where another row says what this one did.
    """

    keyed: int
    runs: Sequence[tuple[int, int, int]]
    source: "array[int]"
    target: "array[int]"
    content: "array[int]"


def merged_columns(rules: Rules) -> RuleColumns:
    """Return rules, those of one key as one: access rules joined, the last of type rules.

    Those that :class:`KeyedRules` knows to have keys of their own are not looked at. Access rules of conditionals stay
    as many as they are, as in the file, where each statement has its entry.
    """
    keyed = rules.keyed if isinstance(rules, KeyedRules) else 0
    heads = _joined_halves(rules.kind, rules.object_class)
    contents = _joined(heads, rules.data)
    runs: list[tuple[int, int, int]] = []
    end = keyed
    for condition, group in groupby(rules.condition[keyed:]):
        begin, end = end, end + len(list(group))
        runs.append((condition, begin, end))
    keys = _keys(rules, heads, keyed)
    first_rows: defaultdict[int, dict[Hashable, int]] = defaultdict(dict)
    for condition, begin, end in runs:
        merged = _ANY_KIND if condition == UNCONDITIONAL else _ANY_KIND & ~ACCESS
        _merge(begin, keys[begin - keyed : end - keyed], merged, first_rows[condition], contents)
    return RuleColumns(keyed, runs, rules.source, rules.target, contents)


def _keys(rules: Rules, heads: "array[int]", first: int) -> Sequence[Hashable]:
    """Return what tells rows from the first on apart, the condition aside: numbers, where that is in their bits."""
    heads, source, target = heads[first:], rules.source[first:], rules.target[first:]
    if any(_halves(column, _HIGH_AT).tobytes().strip(b"\0") for column in (source, target)):
        return list(zip(source, _joined(heads, target), strict=True))
    return _joined(heads, _joined_halves(source, target))


def _merge(
    begin: int, keys: Sequence[Hashable], kinds: int, first_rows: dict[Hashable, int], contents: "array[int]"
) -> None:
    """Have the first row of each key say what all of them do: access rules are joined, the last of others holds.

    Args:
        begin: the row that the first key is of.
        keys: of rows side by side.
        kinds: the bits of those that are merged.
        first_rows: of keys, among the rows of the same condition so far; takes those of these rows.
        contents: of all rules.
    """
    for row, key in enumerate(keys, begin):
        if not contents[row] >> WORD + HALF & kinds:
            continue
        first = first_rows.setdefault(key, row)
        if first != row:
            known = contents[first] if contents[row] >> WORD + HALF & ACCESS else 0
            contents[first] = known | contents[row]
            contents[row] = 0


def _halves(column: "array[int]", at: int) -> "array[int]":
    """Return one half of each word of a column."""
    halves = array("H")
    halves.frombytes(column.tobytes())
    return halves[at::2]


def _joined_halves(high: "array[int]", low: "array[int]") -> "array[int]":
    """Return words of the low halves of two columns, the first of which gives the high half."""
    halves = array("H", bytes(4 * len(low)))
    for index, column in ((_HIGH_AT, high), (_LOW_AT, low)):
        halves[index::2] = _halves(column, _LOW_AT)
    return array("I", halves.tobytes())


def _joined(high: "array[int]", low: "array[int]") -> "array[int]":
    """Return the numbers of two words that two columns make together, the first of which gives the high word."""
    words = array("I", bytes(8 * len(low)))
    words[_HIGH_AT::2] = high
    words[_LOW_AT::2] = low
    return array("Q", words.tobytes())
