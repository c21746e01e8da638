"""Holds what has changed against the assertions of a policy, of which no rule violated one before.

Source: as in :mod:`selbox.compiler.neverallow`.
"""

from array import array
from collections.abc import Iterator

from selbox.compiler.neverallow import rule_text
from selbox.compiler.renewal import Order, Parts, Rules, Types
from selbox.compiler.rereading import GiveUpError
from selbox.compiler.targets import NOT_SELF, OTHER, SELF
from selbox.model.bitset import members
from selbox.model.objectclass import ObjectClass
from selbox.model.rules import RuleKind
from selbox.typing import Final, NamedTuple

MOST_TOLD: Final = 20
"""Violations that are told of; where there are more, a whole compilation tells how many."""

_ALLOW: Final = int(RuleKind.ALLOW)

_End = tuple[int, int, int, int]
"""Source, target, class and access vector of a rule."""

_Order = tuple[Order, int, int]
"""What rules sort by: their statements, then the types that these are written out for, then rows."""


class Violation(NamedTuple):
    """A rule that grants what an assertion forbids.

    Attributes:
        rule: as it is written, with what it should not grant.
        assertion: the place of the assertion in the baseline.
        place: the rule's place in the baseline, or the index of the passage that it stands in.
        offset: where it stands in that passage; None for a rule that has not been read again.
    """

    rule: str
    assertion: int
    place: int
    offset: int | None


class Reassertion:
    """Finds the rules that violate an assertion.

    Args:
        parts: what a policy is put together from.
        types: its types.
        rules: its access rules.
    """

    def __init__(self, parts: Parts, types: Types, rules: Rules) -> None:
        self._parts = parts
        self._types = types
        self._rules = rules

    def violations(self) -> list[Violation]:
        """Return them in the order in which a whole compilation finds them.

        Raises:
            GiveUpError: that compilation has to tell of them.
        """
        assertions = self._parts.baseline.rules.assertions
        if not assertions:
            return []
        by_class: dict[int, list[tuple[int, int, int, int]]] = {}
        for index, (source, target, vectors, _) in enumerate(assertions):
            sources = self._types.of(source)
            targets = target if target in (SELF, OTHER, NOT_SELF) else ~self._types.of(target)
            for class_id, vector in vectors:
                by_class.setdefault(class_id, []).append((index, vector, sources, targets))
        found: list[tuple[int, int, _End]] = []
        for end in dict.fromkeys(self._ends()):
            source, target, class_id, data = end
            asserted = by_class.get(class_id)
            if asserted is None or not self._rules.counts(source, target):
                continue
            sources, targets = self._types.of(source), self._types.of(target)
            for index, vector, forbidden_sources, forbidden_targets in asserted:
                ends = sources & forbidden_sources, targets
                if vector & data and ends[0] and _violates(*ends, forbidden_sources, forbidden_targets):
                    found.append((index, vector, end))
        return self._told(found) if found else []

    def _ends(self) -> Iterator[_End]:
        """Yield what may be forbidden."""
        for each in self._rules.added:
            if each.row[0] == _ALLOW:
                yield each.row[1:5]
        for row in self._touched():
            yield self._end(row)

    def _end(self, row: int) -> _End:
        rules = self._rules
        return rules.source[row], rules.target[row], rules.object_class[row], rules.data[row]

    def _touched(self) -> list[int]:
        """Return the rows that were there and have one of the types that have come to an attribute."""
        changed = 0
        for came, _ in self._types.changed.values():
            changed |= came
        if not changed:
            return []
        rules = self._rules
        touching = {number for number, bits in self._types.bits.items() if bits & changed} | set(members(changed))
        forbidden = array("I")
        forbidden.frombytes(self._parts.baseline.rules.forbidden)
        return [
            row
            for row in forbidden
            if (rules.source[row] in touching or rules.target[row] in touching) and row not in rules.removed
        ]

    def _told(self, found: list[tuple[int, int, _End]]) -> list[Violation]:
        """Return the violations of which only the ends are known, each rule by itself."""
        if self._parts.baseline.together or self._parts.reread.program.rearranging:
            raise GiveUpError  # what is brought in has another order, and one place for several rules
        rows = self._rows({end for _, _, end in found})
        names = self._parts.reread.names.types
        told: list[tuple[int, int, _Order, Violation]] = []
        for index, vector, end in found:
            source, target, class_id, data = end
            _, _, vectors, assertion = self._parts.baseline.rules.assertions[index]
            text = rule_text(names[source], names[target], self._object_class(class_id), data & vector)
            nth = vectors.index((class_id, vector))
            told += [(index, nth, order, Violation(text, assertion, *at)) for order, at in rows[end]]
        if len(told) > MOST_TOLD:
            raise GiveUpError
        told.sort(key=lambda each: each[:3])
        return [each[-1] for each in told]

    def _object_class(self, class_id: int) -> ObjectClass:
        names = self._parts.baseline.names
        name, common, own = names.classes[class_id]
        return ObjectClass(name, common, (names.commons[common] if common is not None else ()) + own)

    def _rows(self, ends: set[_End]) -> dict[_End, list[tuple[_Order, tuple[int, int | None]]]]:
        """Return the rules of some ends: what they sort by, and their places as :class:`Violation` has them."""
        found: dict[_End, list[tuple[_Order, tuple[int, int | None]]]] = {end: [] for end in ends}
        rank = self._types.rank
        for row in self._touched():
            end = self._end(row)
            if end in ends:
                place = self._rules.place(row)
                found[end].append((((2 * place + 1, ()), rank[end[0]], row), (place, None)))
        origins = self._parts.reread.resolution.origins
        for number, each in enumerate(self._rules.added):
            end = each.row[1:5]
            if each.row[0] != _ALLOW or end not in ends:
                continue
            at: tuple[int, int | None] = each.order[0] >> 1, None  # a statement that was there, for another type
            if each.origin:
                at = origins.places[each.origin - 1].path[0], origins.offsets[each.origin - 1]
            found[end].append(((each.order, rank[end[0]], number), at))
        return found


def _violates(sources: int, targets: int, forbidden_sources: int, forbidden_targets: int) -> bool:
    """Tell whether some of the sources, which are forbidden ones, may do what they may not.

    Args:
        sources: bitset of forbidden ones.
        targets: bitset.
        forbidden_sources: all that are forbidden.
        forbidden_targets: all that are allowed, or a value of :mod:`selbox.compiler.targets`.
    """
    if forbidden_targets < 0:
        return bool(targets & ~forbidden_targets)
    if forbidden_targets == SELF:
        return bool(sources & targets)
    if forbidden_targets == OTHER:
        targets &= forbidden_sources
    return bool(targets) and (sources.bit_count() > 1 or targets.bit_count() > 1 or sources != targets)
