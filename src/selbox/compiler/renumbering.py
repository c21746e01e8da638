"""New ids of types: bitsets, contexts and pairs of rules of a policy that loses some of its attributes."""

from collections.abc import Iterator, Sequence, Set
from itertools import product

from selbox.model.bitset import members
from selbox.model.context import Context
from selbox.model.symbols import Type
from selbox.typing import Final

DROPPED: Final = -1
"""The new id of an attribute that is gone."""


class Renumbering:
    """New ids of types and attributes, once some attributes are gone.

    Args:
        types: types and attributes by their old ids.
        kept: old ids of the attributes that stay.
        order: old ids of all that stays, in the order of the new ids.
        expand_size: attributes with fewer types are written out in rules although they stay.

    Attributes:
        order: old ids in the order of the new ones.
        ids: new id by old id; -1 for what is gone.
        members: for what is written out in rules the old ids of its types, None for the rest.
    """

    def __init__(self, types: Sequence[Type], kept: Set[int], order: list[int], expand_size: int) -> None:
        self.order = order
        self.ids = [DROPPED] * len(types)
        for new, old in enumerate(self.order):
            self.ids[old] = new
        self.members: list[tuple[int, ...] | None] = [None] * len(types)
        for index, each in enumerate(types):
            if each.is_attribute and (index not in kept or each.types.bit_count() < expand_size):
                self.members[index] = tuple(members(each.types))
        self.changes = order != list(range(len(types)))
        self._slices = list(_slices(self.order))
        self._known: dict[int, int] = {}

    def bits(self, old: int) -> int:
        """Return a set of types by their new ids."""
        if not self.changes:
            return old
        known = self._known.get(old)
        if known is None:
            digits = bin(old)[:1:-1].ljust(len(self.ids), "0")
            moved = "".join(digits[start:end] for start, end in self._slices)
            known = self._known[old] = int(moved[::-1] or "0", 2)
        return known

    def written_out(self, old: int) -> tuple[int, ...]:
        """Return the new ids of what stands in rules for a type or attribute."""
        types = self.members[old]
        return (self.ids[old],) if types is None else tuple(map(self.ids.__getitem__, types))

    def pairs(self, source: int, target: int) -> Iterator[tuple[int, int]]:
        """Yield the new ids of a rule's source and target, attributes written out where they must be."""
        ids = self.ids
        sources = self.members[source]
        targets = self.members[target]
        for one, other in product((source,) if sources is None else sources, (target,) if targets is None else targets):
            yield ids[one], ids[other]

    def context(self, context: Context) -> Context:
        """Return a context with the new id of its type."""
        return context._replace(type=self.ids[context.type])


def _slices(order: list[int]) -> Iterator[tuple[int, int]]:
    start = 0
    for index in range(1, len(order) + 1):
        if index == len(order) or order[index] != order[index - 1] + 1:
            yield order[start], order[index - 1] + 1
            start = index
