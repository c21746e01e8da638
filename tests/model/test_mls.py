"""Dominance is a partial order, and ranges nest by it."""

from hypothesis import given
from hypothesis import strategies as st

from selbox.model.mls import Level, LevelRange

levels = st.builds(Level, st.integers(0, 3), st.integers(0, 15))
ranges = st.builds(LevelRange, levels, levels)


@given(levels)
def test_dominance_is_reflexive(level: Level) -> None:
    assert level.dominates(level)


@given(levels, levels)
def test_dominance_is_antisymmetric(first: Level, second: Level) -> None:
    if first.dominates(second) and second.dominates(first):
        assert first == second


@given(levels, levels, levels)
def test_dominance_is_transitive(first: Level, second: Level, third: Level) -> None:
    if first.dominates(second) and second.dominates(third):
        assert first.dominates(third)


@given(levels, levels)
def test_two_levels_are_incomparable_or_one_dominates(first: Level, second: Level) -> None:
    assert first.incomparable(second) != (first.dominates(second) or second.dominates(first))


@given(ranges, ranges)
def test_a_range_contains_another_when_both_ends_lie_within(outer: LevelRange, inner: LevelRange) -> None:
    expected = inner.low.dominates(outer.low) and outer.high.dominates(inner.high)
    assert outer.contains(inner) == expected


@given(ranges)
def test_a_range_in_use_contains_its_levels_and_itself(level_range: LevelRange) -> None:
    assert level_range.contains(level_range)
    contained = [level_range.contains(LevelRange(level, level)) for level in level_range]
    assert contained == [level_range.is_ordered] * 2


@given(ranges, ranges, ranges)
def test_containment_is_transitive(first: LevelRange, second: LevelRange, third: LevelRange) -> None:
    if first.contains(second) and second.contains(third):
        assert first.contains(third)


@given(levels, levels)
def test_union_and_intersection_of_categories_bound_both(first: Level, second: Level) -> None:
    least = Level(max(first.sensitivity, second.sensitivity), first.categories | second.categories)
    greatest = Level(min(first.sensitivity, second.sensitivity), first.categories & second.categories)
    for level in (first, second):
        assert least.dominates(level)
        assert level.dominates(greatest)
    if first.dominates(second):
        assert (least, greatest) == (first, second)
