"""Pairs of ranges, beside all pairs that there are in small lattices."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selbox.analysis.rangepairs import range_pairs
from selbox.model.mls import Level, LevelRange

CATEGORIES = 4


def relations(first: LevelRange, second: LevelRange) -> tuple[bool, ...]:
    """Return which of the four levels dominates which."""
    levels = *first, *second
    return tuple(one.dominates(other) for one, other in product(levels, levels))


def within(whole: LevelRange, categories: list[int]) -> list[LevelRange]:
    levels = [
        Level(sensitivity, bits)
        for sensitivity, allowed in enumerate(categories)
        for bits in range(1 << CATEGORIES)
        if not bits & ~allowed
    ]
    ranges = (LevelRange(low, high) for low, high in product(levels, levels) if high.dominates(low))
    return [each for each in ranges if whole.contains(each)]


def level_ranges() -> st.SearchStrategy[LevelRange]:
    levels = st.builds(Level, st.integers(0, 1), st.integers(0, (1 << CATEGORIES) - 1))
    return st.builds(
        lambda one, other: LevelRange(
            Level(min(one.sensitivity, other.sensitivity), one.categories & other.categories),
            Level(max(one.sensitivity, other.sensitivity), one.categories | other.categories),
        ),
        levels,
        levels,
    )


@given(level_ranges(), level_ranges(), st.lists(st.integers(0, (1 << CATEGORIES) - 1), min_size=2, max_size=2))
def test_every_relation_of_four_levels_is_there_once(first: LevelRange, second: LevelRange, own: list[int]) -> None:
    found = range_pairs(first, second, own)
    assert all(pair[0] in within(first, own) and pair[1] in within(second, own) for pair in found)
    there = [relations(*pair) for pair in found]
    assert len(set(there)) == len(there)
    assert set(there) == {relations(*pair) for pair in product(within(first, own), within(second, own))}


def test_one_level_is_related_to_itself_in_one_way() -> None:
    only = LevelRange(Level(0), Level(0))
    assert range_pairs(only, only, [0]) == [(only, only)]


@pytest.mark.parametrize("top", [0, 15])
def test_a_thousand_categories_make_no_more_of_them(top: int) -> None:
    every = (1 << 1024) - 1
    whole = LevelRange(Level(0), Level(top, every))
    assert len(range_pairs(whole, whole, [every] * 16)) == len(range_pairs(whole, whole, [0xFFFF] * 16))
