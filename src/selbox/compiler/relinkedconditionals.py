"""Booleans and conditionals of a policy put together again: branches in which nothing has changed stay as they were."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from selbox.binary.kernel.booleans import conditionals_bytes
from selbox.binary.kernel.mergedrules import MergedRules
from selbox.binary.kernel.output import u32s
from selbox.binary.kernel.relinked import conditionals_parts, renumbered_conditionals
from selbox.compiler.conditions import Conditions, unite
from selbox.compiler.finalids import FinalIds
from selbox.compiler.renewal import Parts, Rules, declaration_order
from selbox.compiler.transitionfacts import nothing
from selbox.model.conditional import BooleanOperator, Conditional
from selbox.model.rules import UNCONDITIONAL, RuleKind
from selbox.model.rules import Rules as RuleTable
from selbox.model.symbols import Boolean
from selbox.typing import Final

_OPERATORS: Final = {each.value: each for each in BooleanOperator}

Row = tuple[int, ...]
"""Kind, source, target, class, result and condition of a rule about types."""


class RelinkedConditionals:
    """Booleans and conditionals.

    Args:
        parts: what the policy is put together from.
        rules: its access rules.
        final: its ids of types.
    """

    def __init__(self, parts: Parts, rules: Rules, final: FinalIds) -> None:
        self._parts = parts
        self._baseline = parts.baseline
        self._names = parts.reread.names
        self._resolution = parts.reread.resolution
        self._rules = rules
        self._final = final

    @cached_property
    def _boolean_order(self) -> list[int]:
        """Ids of booleans in the order of their declarations."""
        program = self._parts.reread.program
        places = (place for _, _, place in self._baseline.names.booleans)
        return declaration_order(self._parts, places, program.declared("boolean"))

    @cached_property
    def booleans(self) -> tuple[Boolean, ...]:
        """The booleans, in their order."""
        defaults = {number: default for number, (_, default, _) in enumerate(self._baseline.names.booleans)}
        declared = self._parts.reread.program.declared("boolean")
        defaults.update((each.id, each.form[2] == "true") for each in declared)
        return tuple(Boolean(self._names.booleans[each], defaults[each]) for each in self._boolean_order)

    @property
    def booleans_are_same(self) -> bool:
        """Whether all booleans are those of the baseline, in their order."""
        return self.booleans == tuple(Boolean(name, default) for name, default, _ in self._baseline.names.booleans)

    @cached_property
    def have_changed(self) -> bool:
        """Whether conditionals have come or gone, or booleans."""
        known = self._baseline.rules.conditionals
        gone = any(each is not None and self._parts.gone(each[1]) for each in known)
        return gone or bool(self._resolution.conditionals) or not self.booleans_are_same

    @cached_property
    def conditions(self) -> Conditions:
        """The conditions, and which of them each branch has."""
        known = self._baseline.rules.conditionals
        conditionals: dict[int, Conditional] = {}
        orders: list[tuple[int, ...]] = []
        for index, each in enumerate(known):
            orders.append(())
            if each is not None and not self._parts.gone(each[1]):
                terms, place = each
                conditionals[index] = Conditional(
                    tuple(_OPERATORS[term] if isinstance(term, str) else term for term in terms)
                )
                orders[index] = (2 * place + 1,)
        program = self._parts.reread.program
        for index, ((_, place_of), order) in enumerate(
            zip(program.conditionals, program.conditional_orders, strict=True)
        ):
            found = self._resolution.conditionals.get(index)
            first, rest = self._parts.order(place_of, *order)
            orders.append((first, *rest))
            if found is not None:
                conditionals[len(known) + index] = found
        return unite(conditionals, orders)

    def section(self, settled: Sequence[Row]) -> bytes:
        """Return the list of conditionals, some of which have changed.

        Args:
            settled: the conditional rules about types.
        """
        ids = self._final.ids
        numbers = self.conditions.numbers
        table = RuleTable()
        kept = self._kept_branches(settled)
        written_again = {branch for branch, final in numbers.items() if branch and final not in kept}
        for kind, source, target, class_id, data, branch in self._rules.conditional(written_again):
            table.append(RuleKind(kind), ids[source], ids[target], class_id, data, numbers[branch])
        for kind, source, target, class_id, result, condition in settled:
            if condition not in kept:
                table.append(RuleKind(kind), ids[source], ids[target], class_id, ids[result], condition)
        booleans = {old: new for new, old in enumerate(self._boolean_order)}
        policy = nothing()._replace(
            booleans=self.booleans,
            rules=table,
            conditionals=tuple(
                Conditional(tuple(booleans[term] if isinstance(term, int) else term for term in each.expression))
                for each in self.conditions.conditionals
            ),
        )
        return conditionals_bytes(policy, _Branches(MergedRules(policy), kept))

    def unchanged_section(self) -> bytes:
        """Return the list of conditionals, in which only types have other numbers."""
        return renumbered_conditionals(self._baseline.written.sections["conditionals"], self._final.numbers)

    def _kept_branches(self, settled: Sequence[tuple[int, ...]]) -> dict[int, bytes]:
        """Return the entries of branches in which nothing has changed, by the number of their condition.

        Args:
            settled: the conditional rules about types.
        """
        rows = self._baseline.rules
        booleans = {number: default for number, (_, default, _) in enumerate(self._baseline.names.booleans)}
        now = {self._names.booleans.index(each.name): each.default for each in self.booleans}
        if any(now.get(number, default) is not default for number, default in booleans.items()):
            return {}  # entries tell whether they hold at first
        changed = self._rules.changed_branches()
        earlier = _by_condition(dict(enumerate(rows.branch_numbers)))
        types_before = _by_last(row for row in rows.settled if row[5] != UNCONDITIONAL)
        types_now = _by_last(settled)
        contents: dict[int, bytes] = {}
        parts = list(conditionals_parts(self._baseline.written.sections["conditionals"]))
        for index, (_, _, *branches) in enumerate(reversed(parts)):
            contents[2 * index + 1], contents[2 * index + 2] = branches
        found = {statements: condition for condition, statements in earlier.items()}
        kept: dict[int, bytes] = {}
        for condition, statements in _by_condition(self.conditions.numbers).items():
            before = found.get(statements)
            is_same = before is not None and changed.isdisjoint(statements)
            if is_same and types_before.get(before or 0) == types_now.get(condition):
                kept[condition] = contents[before or 0]
        renewed = self._final.numbers.entries(b"".join(kept.values()))
        done = 0
        for condition, content in kept.items():
            kept[condition] = renewed[done : done + len(content)]
            done += len(content)
        return kept


class _Branches:
    """The entries of the branches of conditionals, some as they were.

    Args:
        fresh: the others.
        kept: those, by the number of their condition.
    """

    def __init__(self, fresh: MergedRules, kept: Mapping[int, bytes]) -> None:
        self._fresh = fresh
        self._kept = kept

    def branch_bytes(self, branch: int, *, is_on: bool) -> bytes:
        """Return the entries of a branch after their number."""
        content = self._kept.get(branch)
        if content is None:
            return self._fresh.branch_bytes(branch, is_on=is_on)
        return u32s(len(content) // 12) + content


def _by_condition(numbers: Mapping[int, int]) -> dict[int, tuple[int, ...]]:
    """Return the branches of statements by the condition that they are of."""
    found: dict[int, list[int]] = {}
    for branch, condition in numbers.items():
        if branch and condition:
            found.setdefault(condition, []).append(branch)
    return {condition: tuple(sorted(branches)) for condition, branches in found.items()}


def _by_last(rows: Iterable[tuple[int, ...]]) -> dict[int, list[tuple[int, ...]]]:
    """Return rules about types, without their conditions, by these."""
    found: dict[int, list[tuple[int, ...]]] = {}
    for row in rows:
        found.setdefault(row[5], []).append(tuple(row[:5]))
    return found
