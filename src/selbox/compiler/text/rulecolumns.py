"""Columns of rules beside one another, as numbers to group and to look up by.

Numbers are put together by copying whole columns, which takes no step of the interpreter for a row.
"""

import sys
from array import array
from typing import Final

from selbox.model.policy import Policy

WORD: Final = 32
WORD_MASK: Final = (1 << WORD) - 1
HALF: Final = 16
HALF_MASK: Final = (1 << HALF) - 1
# INVARIANT: a class has a number of 16 bits, as in the kernel's policy; so has a kind of rule.

_LOW_AT, _HIGH_AT = (0, 1) if sys.byteorder == "little" else (1, 0)


class RuleColumns:
    """The rules of a policy.

    Attributes:
        condition, target: the columns of those names.
        group: kind and source, a word each.
        key: target and class, a word each.
        content: kind and class, half a word each, and the data.
    """

    def __init__(self, policy: Policy) -> None:
        rules = policy.rules
        self._rules = rules
        self._few_types = len(policy.types) <= HALF_MASK
        self._kind_and_class = _joined(_low_halves(rules.kind), _low_halves(rules.object_class), "I")
        self.condition = rules.condition
        self.target = rules.target
        self.group = _joined(rules.kind, rules.source, "Q")
        self.key = _joined(rules.target, rules.object_class, "Q")
        self.content = _joined(self._kind_and_class, rules.data, "Q")

    def distinct_rows(self) -> int:
        """Return how many rows at the beginning hold always and have each another key; 0 when it is not simple to tell.

        The rules of a binary policy do so, but for its conditional ones, which come last.
        """
        count = self.condition.count(0)
        if not self._few_types or any(self.condition[:count]):
            return 0
        source_and_target = _joined(_low_halves(self._rules.source), _low_halves(self._rules.target), "I")
        keys = _joined(self._kind_and_class, source_and_target, "Q")
        return count if len(set(keys[:count])) == count else 0


def _low_halves(column: "array[int]") -> "array[int]":
    """Return the low halves of a column's words."""
    halves = array("H")
    halves.frombytes(column.tobytes())
    return halves[_LOW_AT::2]


def _joined(high: "array[int]", low: "array[int]", typecode: str) -> "array[int]":
    """Return numbers of twice the size that two columns make together.

    Args:
        high: the more significant column.
        low: the other.
        typecode: of the result.
    """
    both = array(low.typecode, bytes(2 * low.itemsize * len(low)))
    both[_HIGH_AT::2] = high
    both[_LOW_AT::2] = low
    joined = array(typecode)
    joined.frombytes(both.tobytes())
    return joined
