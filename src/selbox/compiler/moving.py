"""Sets of ids whose order changes."""

from collections.abc import Sequence
from itertools import pairwise


class Moved:
    """Sets of ids as sets of the places that these have in some order.

    Args:
        order: the ids; others are left out of sets.
    """

    def __init__(self, order: Sequence[int]) -> None:
        starts = [0, *(at + 1 for at, (one, other) in enumerate(pairwise(order)) if other != one + 1)]
        self._runs = [
            (order[start], order[end - 1] - order[start] + 1, start)
            for start, end in pairwise([*starts, len(order)])
            if start < end
        ]
        self._known: dict[int, int] = {}

    def bits(self, old: int) -> int:
        """Return the places of a set of ids."""
        known = self._known.get(old)
        if known is None:
            known = 0
            for start, length, new in self._runs:
                known |= (old >> start & (1 << length) - 1) << new
            self._known[old] = known
        return known
