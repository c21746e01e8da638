"""Contexts as columns of numbers, for decisions by the array.

This module imports numpy; only who decides by the array imports this module.
"""

from array import array

import numpy as np
from numpy.typing import NDArray

from selbox.model.context import Context
from selbox.model.mls import Level
from selbox.model.policy import Policy
from selbox.typing import NamedTuple

Ids = NDArray[np.intp]
"""User, role, type, class, level or row numbers."""
Truths = NDArray[np.bool_]

_WORD_BYTES = 8
_ROWS_AT_ONCE = 1 << 13
"""Levels compared category by category at once: what is compared stays in the processor's cache."""


class LevelArrays(NamedTuple):
    """The levels that occur, each once, so that equal numbers are equal levels.

    Attributes:
        sensitivity: shape (levels,).
        categories: bitsets, shape (levels, words); the lowest categories in the first word.
    """

    sensitivity: Ids
    categories: NDArray[np.uint64]

    def dominates(self, left: Ids, right: Ids) -> Truths:
        """Tell of each pair of levels whether the left one dominates the right one.

        Source: the kernel's ``mls_level_dom``.
        """
        result = self.sensitivity[left] >= self.sensitivity[right]
        places = np.flatnonzero(result & (left != right))
        for start in range(0, len(places), _ROWS_AT_ONCE):
            some = places[start : start + _ROWS_AT_ONCE]
            lacking = ~self.categories[left[some]]
            lacking &= self.categories[right[some]]
            result[some] = ~lacking.any(axis=1)
        return result


class ContextArrays(NamedTuple):
    """Contexts, a row each.

    Attributes:
        user, role, type: ids.
        low, high: rows of ``levels``.
        levels: the levels of all of them.
    """

    user: Ids
    role: Ids
    type: Ids
    low: Ids
    high: Ids
    levels: LevelArrays


class ContextTable:
    """Contexts of one policy that are numbered as they come, and can be had as arrays.

    Args:
        policy: the policy.
    """

    def __init__(self, policy: Policy) -> None:
        self._users = array("I")
        self._roles = array("I")
        self._types = array("I")
        self._lows = array("I")
        self._highs = array("I")
        self._words = max(1, -(-len(policy.categories) // 64))
        self._level_rows: dict[Level, int] = {}
        self._sensitivities = array("I")
        self._categories = bytearray()
        self._arrays: ContextArrays | None = None

    def __len__(self) -> int:
        return len(self._users)

    def add(self, context: Context) -> int:
        """Add a context and return its row."""
        user, role, type_id, (low, high) = context
        self._arrays = None
        self._users.append(user)
        self._roles.append(role)
        self._types.append(type_id)
        low_row = self._level_row(low)
        self._lows.append(low_row)
        self._highs.append(low_row if high is low else self._level_row(high))
        return len(self._users) - 1

    def _level_row(self, level: Level) -> int:
        row = self._level_rows.get(level)
        if row is None:
            row = self._level_rows[level] = len(self._sensitivities)
            self._sensitivities.append(level.sensitivity)
            self._categories += level.categories.to_bytes(self._words * _WORD_BYTES, "little")
        return row

    def arrays(self) -> ContextArrays:
        """Return all contexts so far."""
        found = self._arrays
        if found is None:
            categories = np.frombuffer(bytes(self._categories), dtype="<u8").reshape(-1, self._words)
            levels = LevelArrays(_ids(self._sensitivities), categories)
            found = self._arrays = ContextArrays(
                _ids(self._users),
                _ids(self._roles),
                _ids(self._types),
                _ids(self._lows),
                _ids(self._highs),
                levels,
            )
        return found


def _ids(column: "array[int]") -> Ids:
    return np.array(column, dtype=np.intp)
