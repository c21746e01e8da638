"""Categories of a level as ranges."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from selbox.binary.modulesections.levels import as_semantic
from selbox.binary.modulesections.values import ContextLevel
from selbox.model.bitset import bitset


def test_neighbours_are_one_range_and_the_last_comes_first() -> None:
    level = ContextLevel(2, bitset([0, 1, 2, 5, 7, 8]))
    assert as_semantic(level) == (2, ((8, 9), (6, 6), (1, 3)))


@given(st.sets(st.integers(0, 200)))
def test_ranges_hold_the_categories_and_no_others(categories: set[int]) -> None:
    ranges = as_semantic(ContextLevel(1, bitset(categories))).categories
    assert {each - 1 for low, high in ranges for each in range(low, high + 1)} == categories
    assert all(low - after > 1 for (low, _), (_, after) in pairwise(ranges))
