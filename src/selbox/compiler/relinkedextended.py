"""Extended rules of a policy that is put together again: all of them are made anew."""

from collections import Counter
from collections.abc import Iterator

from selbox.compiler.extended import KEYWORDS, ExtendedStatement, kernel_rules
from selbox.compiler.finalids import FinalIds
from selbox.compiler.moving import Moved
from selbox.compiler.renewal import Order, Parts, Rules, Types
from selbox.compiler.rereading import GiveUpError
from selbox.compiler.targets import LOWEST_SPECIAL, special_pairs
from selbox.model.extended import ExtendedKind, ExtendedRule


class RelinkedExtended:
    """Extended rules.

    Args:
        parts: what the policy is put together from.
        types: its types.

    Raises:
        GiveUpError: some of them are conditional.
    """

    def __init__(self, parts: Parts, types: Types) -> None:
        self._types = types
        found = [
            (
                _order(kind, (2 * place + 1, ())),
                ExtendedStatement(ExtendedKind(kind), source, target, class_id, permission, numbers, 0, 0),
            )
            for kind, source, target, class_id, permission, numbers, place in parts.baseline.rules.extended
            if not parts.gone(place)
        ]
        extended = parts.reread.resolution.extended
        for each in extended.statements:
            if each.branch:
                raise GiveUpError
            found.append((_order(each.kind, parts.order_of(each.origin)), each))
        found.sort(key=lambda each: each[0])
        self._statements = [each for _, each in found]

    @property
    def uses(self) -> "Counter[int]":
        """How many rules name each type or attribute; a rule whose target depends on the source names none."""
        plain = [each for each in self._statements if each.target < LOWEST_SPECIAL]
        return Counter([each.source for each in plain] + [each.target for each in plain])

    def rules(self, rules: Rules, final: FinalIds) -> list[ExtendedRule]:
        """Return the rules as the policy has them.

        Args:
            rules: tell which attributes rules are written with.
            final: ids of types.
        """
        return list(kernel_rules(self._written(rules, final)))

    def _written(self, rules: Rules, final: FinalIds) -> Iterator[ExtendedStatement]:
        types, ids = self._types, final.ids
        ranked = Moved(types.order)  # types are written out in the order of their declarations
        universe = ranked.bits(sum(1 << each for each in types.order if not types.flags[each]))
        for each in self._statements:
            if each.target < LOWEST_SPECIAL:
                if rules.counts(each.source, each.target):
                    yield each._replace(source=ids[each.source], target=ids[each.target])
                continue
            for one, other in special_pairs(ranked.bits(types.of(each.source)), each.target, universe):
                yield each._replace(source=ids[types.order[one]], target=ids[types.order[other]])


def _order(kind: int, order: Order) -> tuple[int, Order]:
    """Return what a statement sorts by: those of one keyword are read before those of the next."""
    return KEYWORDS.index(ExtendedKind(kind)), order
