"""Columns of rules put together to numbers, many at once, which takes no step of the interpreter for a row."""

import sys
from array import array

from selbox.model.rules import ACCESS_KINDS, UNCONDITIONAL, KeyedRules, Rules
from selbox.typing import Final, NamedTuple

WORD: Final = 32
WORD_MASK: Final = (1 << WORD) - 1
HALF: Final = 16
HALF_MASK: Final = (1 << HALF) - 1
# INVARIANT: a class has a number of 16 bits, as in the kernel's policy; so has a kind of rule.

ACCESS: Final = sum(ACCESS_KINDS)
"""The bits of the kinds whose data are permissions."""

_LOW_AT, _HIGH_AT = (0, 1) if sys.byteorder == "little" else (1, 0)


class RuleColumns(NamedTuple):
    """Rules of which no two have the same condition, kind, source, target and class.

    Attributes:
        condition: as in the column of that name, of the last rows; those before them hold always.
        source, target: likewise, of all rows.
        content: kind and class, half a word each, and the data; 0 where another row says what this one did.
    """

    condition: "array[int]"
    source: "array[int]"
    target: "array[int]"
    content: "array[int]"


def merged_columns(rules: Rules) -> RuleColumns:
    """Return rules, those of one key as one: access rules joined, the last of type rules.

    Those that :class:`KeyedRules` knows to have keys of their own are not looked at.
    """
    keyed = rules.keyed if isinstance(rules, KeyedRules) else 0
    heads = _joined_halves(rules.kind, rules.object_class)
    contents = _joined(heads, rules.data)
    conditions = rules.condition[keyed:]
    keys = zip(rules.source[keyed:], _joined(heads[keyed:], rules.target[keyed:]), strict=True)
    of_conditions: dict[int, dict[tuple[int, int], int]] = {}
    last, rows = UNCONDITIONAL - 1, dict[tuple[int, int], int]()
    for row, condition, key in zip(range(keyed, len(rules)), conditions, keys, strict=True):
        if condition != last:
            last, rows = condition, of_conditions.setdefault(condition, {})
        first = rows.setdefault(key, row)
        if first != row:
            known = contents[first] if key[1] >> WORD + HALF & ACCESS else 0
            contents[first] = known | contents[row]
            contents[row] = 0
    return RuleColumns(conditions, rules.source, rules.target, contents)


def _joined_halves(high: "array[int]", low: "array[int]") -> "array[int]":
    """Return words of the low halves of two columns, the first of which gives the high half."""
    halves = array("H", bytes(4 * len(low)))
    for index, column in ((_HIGH_AT, high), (_LOW_AT, low)):
        of_column = array("H")
        of_column.frombytes(column.tobytes())
        halves[index::2] = of_column[_LOW_AT::2]
    return array("I", halves.tobytes())


def _joined(high: "array[int]", low: "array[int]") -> "array[int]":
    """Return the numbers of two words that two columns make together, the first of which gives the high word."""
    words = array("I", bytes(8 * len(low)))
    words[_HIGH_AT::2] = high
    words[_LOW_AT::2] = low
    return array("Q", words.tobytes())
