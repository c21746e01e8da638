"""Pairs of ranges of levels, one for each way in which the levels of a subject and an object can be related.

Constraints see levels only by which of them dominates which. So of all pairs of ranges that two contexts can have, one
is enough for each answer to these questions.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement, pairwise, permutations, product

from selbox.model.mls import Level, LevelRange
from selbox.typing import Final

_ENDS: Final = 4
"""The levels of two ranges: low and high of the one, low and high of the other."""

_FACTS: Final = tuple(permutations(range(_ENDS), 2))
"""What can be the case of levels X and Y: that X does not dominate Y; a bit each, in this order."""

_STATES: Final = tuple(
    (inside, sum(1 << bit for bit, (one, other) in enumerate(_FACTS) if other in inside and one not in inside))
    for inside in (frozenset((*first, *second)) for first, second in product(((), (1,), (0, 1)), ((), (3,), (2, 3))))
)
"""In which of the levels a category can be, and which levels do not dominate which for that."""

_LIKE: Final = 4
"""Sensitivities between two bounds that are tried at most: more levels than that are not there to be told apart."""


def range_pairs(
    first: LevelRange, second: LevelRange, categories: Sequence[int]
) -> list[tuple[LevelRange, LevelRange]]:
    """Return a range within each of two ranges for every way in which their four levels can be related.

    Args:
        first: what the range of the subject is within.
        second: what the range of the object is within.
        categories: by sensitivity the bitset of categories that go with it.

    Source: the kernel's ``mls_level_dom``, and ``constraint_expr_eval``, which sees levels by it alone.
    """
    found: dict[int, tuple[int, ...]] = {}
    pairs: dict[int, tuple[LevelRange, LevelRange]] = {}
    tried: set[tuple[int, tuple[int, ...]]] = set()
    values = _sensitivities(first, second)
    for own, other in product(*(_ordered(values, each) for each in (first, second))):
        sensitivities = (*own, *other)
        facts = sum(1 << bit for bit, (x, y) in enumerate(_FACTS) if sensitivities[x] < sensitivities[y])
        allowed = tuple(categories[each] for each in sensitivities)
        if (facts, allowed) in tried:
            continue
        tried.add((facts, allowed))
        for every, chosen in _related(facts, allowed, first, second).items():
            if every not in found:
                found[every] = chosen
                levels = [Level(*each) for each in zip(sensitivities, chosen, strict=True)]
                pairs[every] = LevelRange(levels[0], levels[1]), LevelRange(levels[2], levels[3])
    return list(pairs.values())


def _sensitivities(first: LevelRange, second: LevelRange) -> list[int]:
    """Return the ends of two ranges, and some of the sensitivities between each two of them."""
    ends = sorted({each.sensitivity for each in (*first, *second)})
    values = set(ends)
    for low, high in pairwise(ends):
        values.update(range(low, min(high, low + _LIKE + 1)))
    return sorted(values)


def _ordered(values: list[int], within: LevelRange) -> Iterator[tuple[int, ...]]:
    some = [each for each in values if within.low.sensitivity <= each <= within.high.sensitivity]
    return combinations_with_replacement(some, 2)


def _related(facts: int, allowed: tuple[int, ...], first: LevelRange, second: LevelRange) -> dict[int, tuple[int, ...]]:
    """Return what can be the case of levels with given sensitivities, and the categories of levels of which it is.

    Args:
        facts: what sensitivities make the case.
        allowed: the categories that each level may have.
        first: as for :func:`range_pairs`.
        second: likewise.
    """
    ranges = first, first, second, second
    must = [each.low.categories for each in ranges]
    may = [each.high.categories & permitted for each, permitted in zip(ranges, allowed, strict=True)]
    # Categories that are in the same of these sets are like one another.
    groups = [first.high.categories | second.high.categories]
    for each in (*must, *may):
        groups = [part for group in groups for part in (group & each, group & ~each) if part]
    reached: dict[int, tuple[int, ...]] = {facts: (0,) * _ENDS}
    for waiting in groups:
        states = tuple(
            number
            for number, (inside, _) in enumerate(_STATES)
            if all(waiting & may[each] if each in inside else not waiting & must[each] for each in range(_ENDS))
        )
        before = 0
        while waiting and len(reached) != before:
            before = len(reached)
            one = waiting & -waiting
            waiting ^= one
            reached = _placed(reached, states, one, exact=False)
        reached = _placed(reached, states, waiting, exact=True)
    return reached


def _placed(
    reached: dict[int, tuple[int, ...]], states: tuple[int, ...], categories: int, *, exact: bool
) -> dict[int, tuple[int, ...]]:
    """Return what can be the case when some categories are in the same of some states.

    Args:
        reached: what can be the case without them.
        states: numbers of :data:`_STATES`.
        categories: the categories.
        exact: whether nothing more may be the case than before.
    """
    result: dict[int, tuple[int, ...]] = {}
    for facts, levels in reached.items():
        for each in states:
            inside, more = _STATES[each]
            if facts | more not in result and not (exact and more & ~facts):
                result[facts | more] = tuple(
                    categories | level if number in inside else level for number, level in enumerate(levels)
                )
    return result
