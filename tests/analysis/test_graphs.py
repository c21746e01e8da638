"""Paths through graphs, against paths that are found by trying everything."""

from itertools import pairwise, permutations

from hypothesis import given
from hypothesis import strategies as st

from selbox.analysis.graphs import Graph
from selbox.model.bitset import bitset

NAMES = ("e", "d", "c", "b", "a")
Steps = frozenset[tuple[int, int]]
STEPS: st.SearchStrategy[Steps] = st.frozensets(
    st.tuples(st.integers(0, 4), st.integers(0, 4)).filter(lambda pair: pair[0] != pair[1])
)
NODES = st.integers(0, 4)


def graph(steps: Steps) -> Graph:
    return Graph(NAMES, [bitset(target for source, target in steps if source == each) for each in range(5)])


def every_path(steps: Steps, source: int, target: int) -> list[tuple[int, ...]]:
    others = [each for each in range(5) if each not in (source, target)]
    tried = [(source, *between, target) for count in range(4) for between in permutations(others, count)]
    found = [path for path in tried if all(pair in steps for pair in pairwise(path))]
    return sorted(found, key=lambda path: [NAMES[each] for each in path])


@given(STEPS, NODES, NODES, st.integers(1, 6))
def test_all_paths_are_those_that_trying_finds(steps: Steps, source: int, target: int, most: int) -> None:
    expected = [path for path in every_path(steps, source, target) if len(path) - 1 <= most]
    assert list(graph(steps).all_paths(source, target, most)) == ([] if source == target else expected)


@given(STEPS, NODES, NODES)
def test_shortest_paths_are_those_of_the_fewest_steps(steps: Steps, source: int, target: int) -> None:
    found = [(source,)] if source == target else every_path(steps, source, target)
    least = min(map(len, found), default=0)
    assert list(graph(steps).shortest_paths(source, target)) == [path for path in found if len(path) == least]


@given(STEPS, STEPS, st.frozensets(NODES))
def test_graphs_are_sets_of_steps(steps: Steps, others: Steps, types: frozenset[int]) -> None:
    one = graph(steps)
    assert one.intersection(graph(others)) == graph(steps & others)
    assert one.turned_round() == graph(frozenset((target, source) for source, target in steps))
    assert one.without(bitset(types)) == graph(frozenset(each for each in steps if types.isdisjoint(each)))
    assert one.predecessors(bitset(types)) == bitset({source for source, target in steps if target in types})
    assert one.steps() == len(steps)
    assert one.types() == len({each for pair in steps for each in pair})


def test_a_step_from_a_type_to_itself_is_none() -> None:
    assert Graph.of(("a", "b"), [0b11, 0b01]).successors == [0b10, 0b01]
