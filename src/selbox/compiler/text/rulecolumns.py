"""Columns of rules beside one another, as numbers to group and to look up by.

Numbers are put together and taken apart many at once, which takes no step of the interpreter for a row.
"""

import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, count
from typing import Final

from selbox.model.rules import ACCESS_KINDS, KeyedRules, Rules

WORD: Final = 32
WORD_MASK: Final = (1 << WORD) - 1
HALF: Final = 16
HALF_MASK: Final = (1 << HALF) - 1
# INVARIANT: a class has a number of 16 bits, as in the kernel's policy; so has a kind of rule.

ACCESS: Final = sum(ACCESS_KINDS)
"""The bits of the kinds whose data are permissions."""

_LOW_AT, _HIGH_AT = (0, 1) if sys.byteorder == "little" else (1, 0)
_IS_ZERO: Final = bytes([1, *[0] * 255])


class KeyedColumns:
    """The rules of a policy that are known to hold always and to have each another key.

    Attributes:
        source, target: the columns of those names.
        content: kind and class, half a word each, and the data.
    """

    def __init__(self, rules: Rules) -> None:
        count = keyed_rows(rules)
        self.source = rules.source[:count]
        self.target = rules.target[:count]
        self.content = _contents(rules, 0, count)

    def own_rows(self) -> Iterator[int]:
        """Iterate over the rows whose target is their source."""
        rows = len(self.source)
        ones = int.from_bytes(array("I", [1]).tobytes() * rows, sys.byteorder)
        source = int.from_bytes(self.source.tobytes(), sys.byteorder)
        difference = source ^ int.from_bytes(self.target.tobytes(), sys.byteorder)
        # What is added makes every word but 0 go over into its highest bit, which no number of a type has.
        differs = (difference + ones * 0x7FFFFFFF) >> 31 & ones
        return compress(count(), differs.to_bytes(4 * rows, "little")[0::4].translate(_IS_ZERO))


def keyed_rows(rules: Rules) -> int:
    """Return how many of the first rules are in :class:`KeyedColumns`."""
    return rules.keyed if isinstance(rules, KeyedRules) else 0


def merged_contents(rules: Rules) -> dict[int, dict[int, dict[int, int]]]:
    """Return all other rules, those of one key as one: access rules joined, the last of type rules.

    Returns:
        By condition, source, and the number that kind and class, half a word each, and target make: contents, as in
        :class:`KeyedColumns`.
    """
    first, rows = keyed_rows(rules), len(rules)
    heads = _joined_halves(rules.kind[first:], rules.object_class[first:])
    keys = _joined(heads, rules.target[first:])
    merged: dict[int, dict[int, dict[int, int]]] = {}
    columns = (rules.condition[first:], rules.source[first:], keys, _contents(rules, first, rows))
    last, sources = -1, dict[int, dict[int, int]]()
    for condition, source, key, content in zip(*columns, strict=True):
        if condition != last:
            last, sources = condition, merged.setdefault(condition, {})
        contents = sources.get(source)
        if contents is None:
            sources[source] = {key: content}
        elif key in contents and key >> WORD + HALF & ACCESS:
            contents[key] |= content
        else:
            contents[key] = content
    return merged


def apart(numbers: Sequence[int], size: int, parts: Iterable[tuple[int, int]]) -> "list[array[int]]":
    """Return parts of numbers, a column each.

    Args:
        numbers: the numbers.
        size: bits of the largest, 64 at most.
        parts: the first bit of each part, and how many bits it has.
    """
    code = "I" if size <= WORD else "Q"
    content = array(code, numbers).tobytes()
    together = int.from_bytes(content, sys.byteorder)
    ones = int.from_bytes(array(code, [1]).tobytes() * len(numbers), sys.byteorder)
    found = (together >> first & ones * ((1 << count) - 1) for first, count in parts)
    return [array(code, each.to_bytes(len(content), sys.byteorder)) for each in found]


def _contents(rules: Rules, first: int, end: int) -> "array[int]":
    heads = _joined_halves(rules.kind[first:end], rules.object_class[first:end])
    return _joined(heads, rules.data[first:end])


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
