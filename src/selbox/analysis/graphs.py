"""Graphs of steps between the types of a policy, and paths through them: the shortest ones, or all up to a length.

Sets of types are bitsets (:mod:`selbox.model.bitset`): what one type leads to is united with a few operations.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence, Set

from selbox.analysis.catalogue import Catalogue
from selbox.model.bitset import members
from selbox.typing import Final, NamedTuple

Path = tuple[int, ...]
"""The ids of the types that are passed, from the first to the last."""


_DIGITS: Final = bytes.maketrans(b"\0\1", b"01")


def united_targets(catalogue: Catalogue, pairs: Set[int]) -> list[int]:
    """Return for each type the bitset of those that pairs lead to from it.

    Args:
        catalogue: whose types these are.
        pairs: ids of a source and a target each, which may be attributes, in one integer: the source's times the count
            of all types and attributes, plus the target's.
    """
    attributes = catalogue.attributes
    bits = [1 << index for index in range(len(catalogue.types))]
    for index, types in attributes.items():
        bits[index] = types
    single: defaultdict[int, list[int]] = defaultdict(list)
    several: defaultdict[int, list[int]] = defaultdict(list)
    for pair in pairs:
        source, target = divmod(pair, len(bits))
        (several if target in attributes else single)[source].append(target)
    # Bitsets of one type each have nothing in common, so that their sum is their union: one call for thousands.
    found = {source: sum(map(bits.__getitem__, targets)) for source, targets in single.items()}
    for source, targets in several.items():
        united = found.get(source, 0)
        for each in targets:
            united |= bits[each]
        found[source] = united
    result = [0] * len(bits)
    for source, united in found.items():
        for each in members(attributes[source]) if source in attributes else (source,):
            result[each] |= united
    return result


class Graph(NamedTuple):
    """Steps from types to other types.

    Attributes:
        names: by type id; paths come in the order of the names that they pass.
        successors: by type id, the bitset of the types that one step leads to; never the type itself.
    """

    names: Sequence[str]
    successors: Sequence[int]

    @classmethod
    def of(cls, names: Sequence[str], successors: Sequence[int]) -> "Graph":
        """Return the graph with these steps but for those from a type to itself."""
        return cls(names, [each & ~(1 << index) if each else 0 for index, each in enumerate(successors)])

    def intersection(self, other: "Graph") -> "Graph":
        """Return the graph of the steps that are in both."""
        return Graph(self.names, [each & its for each, its in zip(self.successors, other.successors, strict=True)])

    def without(self, types: int) -> "Graph":
        """Return the graph without the steps from and to the types of a bitset."""
        if not types:
            return self
        return Graph(
            self.names, [0 if types >> index & 1 else each & ~types for index, each in enumerate(self.successors)]
        )

    def turned_round(self) -> "Graph":
        """Return the graph with every step leading the other way."""
        result = [0] * len(self.successors)
        for index, each in enumerate(self.successors):
            for target in members(each):
                result[target] |= 1 << index
        return Graph(self.names, result)

    def ordered(self, types: int) -> list[int]:
        """Return the ids of a bitset of types in the order of their names."""
        return sorted(members(types), key=self.names.__getitem__)

    def predecessors(self, types: int) -> int:
        """Return the bitset of the types from which one step leads to any of a bitset of types."""
        result = bytearray(len(self.successors))
        for index, each in enumerate(self.successors):
            if each & types:
                result[index] = 1
        return _packed(result)

    def steps(self) -> int:
        """Return how many steps there are."""
        return sum(map(int.bit_count, self.successors))

    def types(self) -> int:
        """Return how many types a step leads from or to."""
        touched = 0
        for index, each in enumerate(self.successors):
            if each:
                touched |= each | 1 << index
        return touched.bit_count()

    def shortest_paths(self, source: int, target: int) -> Iterator[Path]:
        """Yield every path from one type to another that no other is shorter than.

        A type is on a path of length 0 to itself.

        Args:
            source: type id.
            target: type id.
        """
        levels = [1 << source]  # what is reached with the nth step, and not with fewer
        seen = levels[0]
        while not levels[-1] >> target & 1:
            reached = 0
            for each in members(levels[-1]):
                reached |= self.successors[each]
            reached &= ~seen
            if not reached:
                return
            seen |= reached
            levels.append(reached)
        # Only what still leads to the target is kept, so that no step that is tried below is in vain.
        levels[-1] = 1 << target
        for depth in range(len(levels) - 2, 0, -1):
            levels[depth] &= self.predecessors(levels[depth + 1])
        yield from self._walks(source, levels)

    def _walks(self, source: int, levels: list[int]) -> Iterator[Path]:
        """Yield the paths whose nth type is in the nth of some sets; all types of these lead on to the next set."""
        path = [source]
        choices: list[Iterator[int]] = []
        while path:
            if len(path) == len(levels):
                yield tuple(path)
                path.pop()
            else:
                choices.append(iter(self.ordered(self.successors[path[-1]] & levels[len(path)])))
            while choices:
                following = next(choices[-1], None)
                if following is not None:
                    path.append(following)
                    break
                choices.pop()
                path.pop()

    def all_paths(self, source: int, target: int, steps: int) -> Iterator[Path]:
        """Yield every path of some steps or fewer from one type to another that passes no type twice.

        There is none from a type to itself.

        Args:
            source: type id.
            target: type id.
            steps: how many there may be, at least 1.
        """
        if source == target:
            return
        within = [1 << target]  # what is at most n steps away from the target: nothing else is walked to
        while len(within) < steps and (len(within) < 2 or within[-1] != within[-2]):
            within.append(within[-1] | self.predecessors(within[-1]))

        def choices_after(type_id: int, passed: int, left: int) -> Iterator[int]:
            return iter(self.ordered(self.successors[type_id] & within[min(left, len(within)) - 1] & ~passed))

        path = [source]
        passed = 1 << source
        choices = [choices_after(source, passed, steps)]
        while choices:
            following = next(choices[-1], None)
            if following is None:
                choices.pop()
                passed ^= 1 << path.pop()
            elif following == target:
                yield (*path, target)
            elif len(path) < steps:
                path.append(following)
                passed |= 1 << following
                choices.append(choices_after(following, passed, steps - len(path) + 1))


def _packed(truths: bytearray) -> int:
    """Return the bitset of the places of ones among zeros."""
    return int(truths[::-1].translate(_DIGITS) or b"0", 2)
