"""Rules about types and transitions after a change: their statements, those that were read again among the others."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter

from selbox.compiler.moving import Moved
from selbox.compiler.relinkedidentities import RoleTransitionFact
from selbox.compiler.renewal import Order, Parts, Types
from selbox.compiler.rereading import GiveUpError
from selbox.compiler.targets import LOWEST_SPECIAL, SELF
from selbox.compiler.transitions import Settling
from selbox.diagnostics import Diagnostics, Span
from selbox.model.bitset import members
from selbox.model.mls import LevelRange
from selbox.model.policy import Policy
from selbox.model.rules import NamedTransition, RangeTransition, RoleTransition, RuleKind, Rules
from selbox.model.symbols import Type


def written_out(
    parts: Parts,
    types: Types,
    conditions: Mapping[int, int],
    ranges: list[LevelRange],
    role_transitions: Iterable[RoleTransitionFact],
    diagnostics: Diagnostics,
) -> Policy:
    """Return what comes of all statements about types, by ids of the baseline and new ones; and nothing else.

    Args:
        parts: the statements.
        types: after the change.
        conditions: final numbers of conditions by branches of statements.
        ranges: those of the baseline; takes those that are new.
        role_transitions: in their order.
        diagnostics: takes what contradicts itself.
    """
    names = parts.reread.names
    # Types are written out in the order of their declarations.
    rank, ranked = types.rank, Moved(types.order)
    written = _TransitionFacts(parts, types, conditions, ranges)
    policy = nothing()._replace(
        types=tuple(
            Type(names.types[each], bool(types.flags[each]), ranked.bits(types.bits.get(each, 0)))
            for each in types.order
        ),
        rules=written.type_rules(),
        named_transitions=tuple(written.named()),
        range_transitions=tuple(written.ranged()),
        ranges=tuple(ranges),
        role_transitions=tuple(
            RoleTransition(source, rank[target], class_id, result)
            for _, source, target, class_id, result in role_transitions
        ),
    )
    if not parts.baseline.written.mls:
        policy = policy._replace(range_transitions=(), ranges=())
    return _of_order(Settling(policy, _Places(), diagnostics).settled(), types.order)


class _Places:
    """Stands in for the origins of a compilation: tells of no place."""

    def span(self, number: int) -> Span | None:  # noqa: ARG002 - one signature for all
        """Return nothing: who is told of something gives up."""
        return None


class _TransitionFacts:
    """Statements about types, those that were read again among the others.

    Args:
        parts: both.
        types: after the change.
        conditions: final numbers of conditions by branches of statements.
        ranges: takes those that are new.
    """

    def __init__(
        self,
        parts: Parts,
        types: Types,
        conditions: Mapping[int, int],
        ranges: list[LevelRange],
    ) -> None:
        self._parts = parts
        self._types = types
        self._conditions = conditions
        self._ranges = ranges

    def type_rules(self) -> Rules:
        """Return the rules about types as they were written, in their order."""
        rank = self._types.rank
        found: list[tuple[Order, tuple[RuleKind, int, int, int, int, int]]] = []
        for kind, source, target, class_id, result, branch, place in self._parts.baseline.rules.type_rules:
            if not self._parts.gone(place):
                rule = RuleKind(kind), rank[source], rank[target], class_id, rank[result], self._conditions[branch]
                found.append(((2 * place + 1, ()), rule))
        rules = self._parts.reread.resolution.rules
        rows = rules.access.rules
        branches = 2 * len(self._parts.baseline.rules.conditionals)
        for row in range(rules.access_rows, len(rows)):
            kind, source, target, class_id, result, branch, own = rows[row]
            condition = self._conditions[branch + branches if branch else 0]
            order = self._parts.order_of(own)
            pairs: Iterable[tuple[int, int]]
            if target == SELF:
                pairs = ((each, each) for each in sorted(map(rank.__getitem__, members(self._types.of(source)))))
            elif target >= LOWEST_SPECIAL:
                raise GiveUpError
            else:
                pairs = ((rank[source], rank[target]),)
            found += [(order, (kind, one, other, class_id, rank[result], condition)) for one, other in pairs]
        found.sort(key=itemgetter(0))
        table = Rules()
        for _, rule in found:
            table.append(*rule)
        return table

    def named(self) -> Iterable[NamedTransition]:
        """Yield the transitions with names as they were written, in their order."""
        found: list[tuple[Order, NamedTransition]] = [
            ((2 * each[5] + 1, ()), NamedTransition(*each[:5]))
            for each in self._parts.baseline.rules.named
            if not self._parts.gone(each[5])
        ]
        tables = self._parts.reread.resolution.rules
        found += [(self._parts.order_of(each.origin), each) for each in tables.named_transitions]
        found.sort(key=itemgetter(0))
        rank = self._types.rank
        for _, each in found:
            ends = rank[each.source], rank[each.target]
            yield NamedTransition(*ends, each.object_class, each.name, rank[each.result])

    def ranged(self) -> Iterable[RangeTransition]:
        """Yield the range transitions as they were written, in their order."""
        found: list[tuple[Order, RangeTransition]] = [
            ((2 * each[4] + 1, ()), RangeTransition(*each[:4]))
            for each in self._parts.baseline.rules.ranged
            if not self._parts.gone(each[4])
        ]
        tables = self._parts.reread.resolution.rules
        ranges = list(tables.ranges)
        for each in tables.range_transitions:
            if ranges[each.range] not in self._ranges:
                self._ranges.append(ranges[each.range])
            number = self._ranges.index(ranges[each.range])
            found.append((self._parts.order_of(each.origin), each._replace(range=number)))
        found.sort(key=itemgetter(0))
        rank = self._types.rank
        for _, transition in found:
            ends = rank[transition.source], rank[transition.target]
            yield RangeTransition(*ends, transition.object_class, transition.range)


def _of_order(policy: Policy, order: Sequence[int]) -> Policy:
    """Return settled transitions with the ids of types whose places in an order they name."""
    rules = Rules()
    for column in Rules.__slots__:
        setattr(rules, column, getattr(policy.rules, column))
    rules.source = array("I", map(order.__getitem__, rules.source))
    rules.target = array("I", map(order.__getitem__, rules.target))
    rules.data = array("I", map(order.__getitem__, rules.data))
    return policy._replace(
        rules=rules,
        named_transitions=tuple(
            each._replace(source=order[each.source], target=order[each.target], result=order[each.result])
            for each in policy.named_transitions
        ),
        range_transitions=tuple(
            each._replace(source=order[each.source], target=order[each.target]) for each in policy.range_transitions
        ),
        role_transitions=tuple(each._replace(target=order[each.target]) for each in policy.role_transitions),
    )


def nothing() -> Policy:
    """Return a policy in which nothing is."""
    return Policy((), (), (), (), (), (), (), Rules())
