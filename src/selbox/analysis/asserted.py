"""The assertions of a policy's sources: what ``neverallow`` and ``neverallowx`` say that no rule may grant."""

from collections.abc import Iterator

from selbox.analysis.catalogue import Assertion
from selbox.compiler.namespace import Symbol
from selbox.compiler.resolution import Resolution
from selbox.compiler.targets import OTHER, SELF, SPECIAL
from selbox.model.bitset import members
from selbox.model.policy import Policy

_WORDS = {number: word for word, number in SPECIAL.items()}


def assertions(resolution: Resolution, policy: Policy) -> tuple[Assertion, ...]:
    """Return the assertions, one for each class of a statement.

    Args:
        resolution: what the policy was made from.
        policy: whose type ids they get; the compiler gives types other numbers at the end.
    """
    return tuple(_assertions(resolution, policy))


def _assertions(resolution: Resolution, policy: Policy) -> Iterator[Assertion]:
    types = _Types(resolution, policy)
    for plain in resolution.rules.neverallows:
        place = plain.place.tree.span(plain.form).place
        for object_class, vector in plain.vectors:
            yield Assertion("neverallow", *types.sides(plain.source, plain.target), object_class, vector, 0, place)
    for extended in resolution.extended.assertions:
        place = extended.place.tree.span(extended.form).place
        for object_class in extended.permissions.classes:
            vector = policy.classes[object_class].vector([extended.permissions.permission])
            sides = types.sides(extended.source, extended.target)
            yield Assertion("neverallowxperm", *sides, object_class, vector, extended.permissions.numbers, place)


class _Types:
    """Types by the ids that they have in the end."""

    def __init__(self, resolution: Resolution, policy: Policy) -> None:
        self._resolution = resolution
        self._ids = [policy.type_ids.get(each.name) for each in resolution.numbered["type"]]
        self._all = sum(1 << index for index, each in enumerate(policy.types) if not each.is_attribute)

    def sides(self, source: Symbol, target: Symbol | int) -> tuple[str, str, int, int]:
        """Return the names of a source and a target, and the types that they stand for."""
        sources = self._bits(source)
        if isinstance(target, Symbol):
            return source.name, target.name, sources, self._bits(target)
        return source.name, _WORDS[target], sources, sources if target in (SELF, OTHER) else self._all

    def _bits(self, symbol: Symbol) -> int:
        found = (self._ids[each] for each in members(self._resolution.identities.types.bits(symbol)))
        return sum(1 << each for each in found if each is not None)
