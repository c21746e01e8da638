"""What would allow a denied access: changes are tried, and only those are proposed that were seen to work."""

from collections.abc import Iterator, Sequence
from itertools import combinations, islice

from selbox.model.bitset import members
from selbox.model.conditional import Conditional
from selbox.model.constraint import CompareAttributes, CompareNames, Comparison, Operand
from selbox.model.context import Context
from selbox.model.mls import Level, LevelRange
from selbox.model.policy import Policy
from selbox.server.access import AccessComputer
from selbox.server.conditionals import evaluate_conditional
from selbox.server.evaluation import Access
from selbox.server.explanation import DenialKind, DenialReason, Explanation, switched_off
from selbox.server.extendedrules import Entries, ExtendedRuleIndex, refined_permission
from selbox.server.labelchoices import LabelChoices
from selbox.server.proposal import (
    AddExtendedRule,
    AddRoleAllow,
    AddRule,
    AddToAttribute,
    Change,
    ChangeSource,
    ChangeTarget,
    Proposal,
    SetBooleans,
)
from selbox.server.supposition import Supposition, Suppositions
from selbox.server.validity import OBJECT_ROLE, context_fault

_MOST_BOOLEANS = 3
"""Booleans that are proposed to be set together."""

_MOST_SWITCHES = 8
"""Booleans of which combinations are tried."""

_MOST_LABELS = 3
"""Labels that are proposed; twice as many are tried."""

_MOST_REPAIRS = 4
"""Ways round constraints that are proposed for one way round the rules."""

_DEEPEST = 6
"""Changes that are tried one upon another."""

_MOST_NAMES = 3
"""Users, roles or attributes of one comparison that are tried."""


class Proposer:
    """Proposes changes under one policy.

    Args:
        policy: the policy.
        access: decides about access vectors; kept as an attribute.
        extended: decides about extended permissions.
        entries: gives the ids under which rules may name a type: itself and its attributes.
    """

    def __init__(self, policy: Policy, access: AccessComputer, extended: ExtendedRuleIndex, entries: Entries) -> None:
        self.access = access
        self._policy = policy
        self._suppositions = Suppositions(policy, access, extended)
        self._labels = LabelChoices(policy, entries)
        self._switched: dict[int, tuple[int, ...]] | None = None

    def proposals(self, explanation: Explanation, active: Sequence[bool]) -> tuple[Proposal, ...]:
        """Return changes that would each allow all that was asked for, those first that change least.

        Each has been decided about by the evaluation that decides about accesses, with the changes applied.

        Args:
            explanation: why it is denied.
            active: which conditional rules hold.
        """
        kinds = {each.kind for each in explanation.reasons}
        if not kinds or DenialKind.UNKNOWN in kinds:
            return ()  # no rule of a policy grants what it does not define
        asked = explanation.source, explanation.target, explanation.object_class, explanation.requested
        question = Supposition(Access(*asked, explanation.number), active)
        found = list(self._settled(question, explanation.reasons))
        if DenialKind.NO_RULE in kinds:
            found = [*self._by_booleans(question, explanation), *self._by_label(question), *found]
        return tuple(dict.fromkeys(Proposal(each.changes) for each in found))

    def reasons_beyond_rules(self, explanation: Explanation, active: Sequence[bool]) -> tuple[DenialReason, ...]:
        """Return why permissions that no rule allows would be denied all the same if one did.

        Args:
            explanation: why something is denied.
            active: which conditional rules hold.
        """
        missing = explanation.unruled
        if not missing:
            return ()
        source, target, object_class = explanation.source, explanation.target, explanation.object_class
        question = Supposition(Access(source, target, object_class, missing, explanation.number), active)
        rule = AddRule(source.type, target.type, object_class, missing)
        return self._suppositions.reasons_against(question.with_change(rule))

    # --- Rules -----------------------------------------------------------------------------------------------------

    def _settled(
        self, supposition: Supposition, reasons: tuple[DenialReason, ...], depth: int = 0
    ) -> Iterator[Supposition]:
        """Yield what a supposition comes to when each reason against it is met by the change that it calls for."""
        while reasons and depth < _DEEPEST:
            change = self._called_for(supposition, reasons[0])
            if change is None:
                break
            supposition = supposition.with_change(change)
            reasons = self._suppositions.reasons_against(supposition)
            depth += 1
        if not reasons:
            yield supposition
        elif reasons[0].kind is DenialKind.CONSTRAINT and depth < _DEEPEST:
            yield from self._round_constraints(supposition, reasons)

    def _called_for(self, supposition: Supposition, reason: DenialReason) -> Change | None:
        """Return the one change that meets a reason; None when there may be several, or none."""
        source, target, object_class, vector, number = supposition.access
        if reason.kind is DenialKind.NO_RULE:
            return AddRule(source.type, target.type, object_class, reason.permissions)
        if reason.kind is DenialKind.ROLE:
            return AddRoleAllow(source.role, target.role)
        if reason.kind is DenialKind.EXTENDED and number is not None:
            refined = refined_permission(self._policy.classes[object_class].permissions, vector)
            return refined and AddExtendedRule(source.type, target.type, object_class, refined[0], number)
        types = self._policy.types
        while reason.kind is DenialKind.BOUNDS and reason.bounds is not None and reason.bounding:
            target_bounds = types[target.type].bounds
            target = target if target_bounds is None else target._replace(type=target_bounds)
            source = source._replace(type=reason.bounds)
            reason = reason.bounding[0]
            if reason.kind is DenialKind.NO_RULE:
                return AddRule(source.type, target.type, object_class, reason.permissions)
        return None

    # --- Booleans --------------------------------------------------------------------------------------------------

    def _by_booleans(self, question: Supposition, explanation: Explanation) -> Iterator[Supposition]:
        policy = self._policy
        rules = switched_off(policy, explanation, explanation.denied)
        expressions = (policy.conditionals[(each.condition - 1) // 2].expression for each in rules)
        switches = list(dict.fromkeys(term for each in expressions for term in each if isinstance(term, int)))
        for count in range(1, _MOST_BOOLEANS + 1):
            found = False
            for chosen in combinations(switches[:_MOST_SWITCHES], count):
                values = tuple((each, not explanation.values[each]) for each in chosen)
                supposition = question.with_change(
                    SetBooleans(values), self._active_with(values, explanation.values, question.active)
                )
                reasons = self._suppositions.reasons_against(supposition)
                if any(each.kind is DenialKind.NO_RULE for each in reasons):
                    continue
                for each in self._settled(supposition, reasons):
                    found = True
                    yield each
            if found:
                return

    def _active_with(
        self, changed: Sequence[tuple[int, bool]], values: Sequence[bool], active: Sequence[bool]
    ) -> Sequence[bool]:
        """Return which conditional rules hold when some booleans have other values."""
        conditionals = self._policy.conditionals
        if self._switched is None:
            self._switched = _conditionals_of(conditionals)
        result, new_values = list(active), list(values)
        for boolean, value in changed:
            new_values[boolean] = value
        for boolean, _ in changed:
            for number in self._switched[boolean]:
                holds = evaluate_conditional(conditionals[number], new_values)
                result[2 * number + 1 : 2 * number + 3] = holds, not holds
        return result

    # --- Labels ----------------------------------------------------------------------------------------------------

    def _by_label(self, question: Supposition) -> Iterator[Supposition]:
        source, target, object_class, vector, _ = question.access
        if target.role != OBJECT_ROLE:
            return  # a process has its domain by how it came to be, not by anybody's label
        asked = source.type, target.type, object_class, vector
        count = 0
        for tried, each in enumerate(self._labels.choices(*asked, question.active)):
            if count == _MOST_LABELS or tried == 2 * _MOST_LABELS:
                return
            supposition = question.with_change(ChangeTarget(target._replace(type=each)))
            if not self._suppositions.reasons_against(supposition):
                count += 1
                yield supposition

    # --- Constraints -----------------------------------------------------------------------------------------------

    def _round_constraints(
        self, supposition: Supposition, reasons: tuple[DenialReason, ...], *, is_second: bool = False
    ) -> Iterator[Supposition]:
        """Yield ways round the constraints that stand against a supposition: for each part of a context the first.

        Args:
            supposition: what has been supposed so far.
            reasons: what stands against it.
            is_second: whether a change has been made already that met some of the constraints.
        """
        met: set[tuple[type[Change], str]] = set()
        halfway: dict[tuple[type[Change], str], tuple[Supposition, tuple[DenialReason, ...]]] = {}
        for part, change in self._repairs(supposition, reasons):
            if len(met) == _MOST_REPAIRS:
                return
            key = type(change), part
            if key in met:
                continue
            changed = supposition.with_change(change)
            left = self._suppositions.reasons_against(changed)
            if any(each.kind is DenialKind.CONSTRAINT for each in left):
                if len(left) < len(reasons):
                    halfway.setdefault(key, (changed, left))
                continue
            for each in self._settled(changed, left, _DEEPEST - 1):
                met.add(key)
                yield each
        if not met and not is_second:
            for changed, left in halfway.values():
                yield from islice(self._round_constraints(changed, left, is_second=True), 1)

    def _repairs(self, supposition: Supposition, reasons: tuple[DenialReason, ...]) -> Iterator[tuple[str, Change]]:
        """Yield changes that may make constraints hold, each with the part of the contexts that it is about."""
        expressions = [
            self._policy.constraints[each.constraint].expression for each in reasons if each.constraint is not None
        ]
        terms = list(dict.fromkeys(term for each in expressions for term in each))
        compared = {term.left.value[0] for term in terms if isinstance(term, CompareAttributes)}
        source, target = supposition.access.source, supposition.access.target
        if compared & {"l", "h"}:
            for range_ in _ranges(target.range, source.range):
                yield from self._changed_context(ChangeTarget, "range", target, target._replace(range=range_))
            for range_ in _ranges(source.range, target.range):
                yield from self._changed_context(ChangeSource, "range", source, source._replace(range=range_))
        if "u" in compared:
            yield from self._changed_context(ChangeTarget, "user", target, target._replace(user=source.user))
            yield from self._changed_context(ChangeSource, "user", source, source._replace(user=target.user))
        if "r" in compared:
            yield from self._changed_context(ChangeTarget, "role", target, target._replace(role=source.role))
            yield from self._changed_context(ChangeSource, "role", source, source._replace(role=target.role))
        for term in terms:
            if isinstance(term, CompareNames) and term.comparison is Comparison.EQUAL:
                yield from self._named(supposition, term)

    def _named(self, supposition: Supposition, term: CompareNames) -> Iterator[tuple[str, Change]]:
        """Yield changes that make a part of a context one of those that a constraint names."""
        party = ChangeSource if term.left.value[1] == "1" else ChangeTarget
        context = supposition.access.source if party is ChangeSource else supposition.access.target
        if term.left in (Operand.TYPE_1, Operand.TYPE_2):
            if not term.ids >> context.type & 1:
                ids = (self._policy.type_ids.get(each) for each in term.names)
                attributes = [each for each in ids if each is not None and self._policy.types[each].is_attribute]
                for each in attributes[:_MOST_NAMES]:
                    yield term.left.value, AddToAttribute(context.type, each)
            return
        part = "user" if term.left in (Operand.USER_1, Operand.USER_2) else "role"
        for _, each in zip(range(_MOST_NAMES), members(term.ids), strict=False):
            changed = context._replace(user=each) if part == "user" else context._replace(role=each)
            yield from self._changed_context(party, part, context, changed)

    def _changed_context(
        self, party: type[ChangeSource | ChangeTarget], part: str, old: Context, new: Context
    ) -> Iterator[tuple[str, Change]]:
        if new != old and not context_fault(self._policy, new):
            yield part, party(new)


def _ranges(own: LevelRange, other: LevelRange) -> Iterator[LevelRange]:
    """Yield ranges that may satisfy a constraint, those first that change least of one's own.

    Args:
        own: the range that is to be changed.
        other: the range that it is compared with.
    """
    low_met, high_met = _meet(own.low, other.low), _meet(own.high, other.low)
    joined = _join(own.high, other.high)
    # What has one level, as files do, rather keeps to one.
    single = (low_met, high_met, other.low, other.high) if own.low == own.high else ()
    candidates = (
        *(LevelRange(each, each) for each in single),
        LevelRange(low_met, own.high),
        LevelRange(own.low, joined),
        LevelRange(own.low, _join(own.high, other.low)),
        LevelRange(low_met, joined),
        LevelRange(low_met, high_met),
        LevelRange(own.low, own.low),
        LevelRange(own.high, own.high),
        LevelRange(other.low, _join(own.high, other.low)),
        LevelRange(_join(own.low, other.low), joined),
        LevelRange(_join(own.low, other.high), joined),
        other,
        LevelRange(other.low, other.low),
        LevelRange(other.high, other.high),
    )
    yield from dict.fromkeys(each for each in candidates if each != own and each.is_ordered)


def _join(first: Level, second: Level) -> Level:
    return Level(max(first.sensitivity, second.sensitivity), first.categories | second.categories)


def _meet(first: Level, second: Level) -> Level:
    return Level(min(first.sensitivity, second.sensitivity), first.categories & second.categories)


def _conditionals_of(conditionals: Sequence[Conditional]) -> dict[int, tuple[int, ...]]:
    """Return for each boolean the indexes of the conditionals that depend on it."""
    found: dict[int, list[int]] = {}
    for number, each in enumerate(conditionals):
        for term in dict.fromkeys(term for term in each.expression if isinstance(term, int)):
            found.setdefault(term, []).append(number)
    return {boolean: tuple(numbers) for boolean, numbers in found.items()}
