"""Access vectors: type enforcement, then constraints, role changes and type bounds, in the kernel's order."""

from collections.abc import Callable, Collection, Mapping, Sequence

from selbox.diagnostics import SelboxError
from selbox.model.constraint import Constraint
from selbox.model.context import Context
from selbox.model.context_text import format_context
from selbox.model.policy import Policy
from selbox.server.explanation import DenialKind, DenialReason, MetRule, Recording
from selbox.server.expression import Operands, Predicate, Term, compile_expression, compile_terms, term_truths
from selbox.server.report import BoundsExceeded
from selbox.server.ruleindex import AUDITALLOW_SHIFT, DONTAUDIT_SHIFT, VECTOR_MASK, RuleIndex
from selbox.server.supposedrules import AccessRules, SupposedRules
from selbox.typing import NamedTuple, Self


class AccessVectors(NamedTuple):
    """What policy says of one source, target and class.

    Attributes:
        allowed: permissions granted.
        auditallow: permissions recorded when granted; as in the kernel, not limited to those that are.
        auditdeny: permissions recorded when denied: all ones, less the ``dontaudit`` rules.
    """

    allowed: int
    auditallow: int
    auditdeny: int


class RecordedAccess(NamedTuple):
    """What was decided, with what the same evaluation met.

    Attributes:
        vectors: the decision.
        reasons: why permissions are denied; each denied one is in at least one reason.
        rules: the access rules about the types and the class.
    """

    vectors: AccessVectors
    reasons: tuple[DenialReason, ...]
    rules: tuple[MetRule, ...]


_MOST_BOUNDS = 64
"""Types in a chain of bounds; the kernel's ``POLICYDB_BOUNDS_MAXDEPTH`` is lower still."""


class _ClassConstraint(NamedTuple):
    number: int
    permissions: int
    holds: Predicate


class AccessComputer:
    """Computes access vectors from one policy.

    Args:
        policy: the policy.
        rules: its type enforcement rules.
        report: called with what bounding types withhold, each time that it is computed.

    Raises:
        SelboxError: code ``bounds-too-deep``.

    Attributes:
        rules: as given.
    """

    def __init__(
        self, policy: Policy, rules: RuleIndex, report: Callable[[BoundsExceeded], None] | None = None
    ) -> None:
        self._policy = policy
        self._report = report
        self.rules = rules
        self._rules: AccessRules = rules
        self._constraints: dict[int, tuple[_ClassConstraint, ...]] = {}
        self._terms: dict[int, tuple[Term, ...]] = {}
        self._bounds = {index: each.bounds for index, each in enumerate(policy.types) if each.bounds is not None}
        self._check_bounds()
        self._role_allows = {(each.source, each.target) for each in policy.role_allows}
        self._process = policy.class_ids.get("process", -1)
        self._role_change = self._process_permissions("transition", "dyntransition")
        self._relabelling: dict[int, tuple[Predicate, ...]] = {}

    def _check_bounds(self) -> None:
        """Refuse bounds in such long chains that following them would be a burden, or that lead back to themselves."""
        # INVARIANT: computing an access follows bounds as deep as they go.
        for type_id, bounding in self._bounds.items():
            length = 1
            while bounding in self._bounds:
                length += 1
                if length > _MOST_BOUNDS:
                    name = self._policy.types[type_id].name
                    words = f"type `{name}` is bounded by a chain of more than {_MOST_BOUNDS} types"
                    raise SelboxError.of("bounds-too-deep", words, help="the kernel takes chains of three at most")
                bounding = self._bounds[bounding]

    def _process_permissions(self, *wanted: str) -> int:
        if self._process < 0:
            return 0
        names = self._policy.classes[self._process].permissions
        return sum(1 << bit for bit, name in enumerate(names) if name in wanted)

    @property
    def process_transition(self) -> tuple[int, int]:
        """The id of class ``process``, -1 where the policy has none, and the vector of its ``transition``."""
        return self._process, self._process_permissions("transition")

    def relabelling_rules(self, object_class: int) -> tuple[Predicate, ...]:
        """Return the ``validatetrans`` rules of a class, which must all hold."""
        rules = self._relabelling.get(object_class)
        if rules is None:
            rules = self._relabelling[object_class] = tuple(
                compile_expression(self._policy, each.expression)
                for each in self._policy.validate_transitions
                if each.object_class == object_class
            )
        return rules

    def compute(
        self,
        source: Context,
        target: Context,
        object_class: int,
        active: Sequence[bool],
        recording: Recording | None = None,
    ) -> AccessVectors:
        """Compute the vectors of one class of the policy.

        Args:
            source: context of the subject.
            target: context of the object.
            object_class: id of a class that the policy has.
            active: which conditional rules hold.
            recording: when given, takes what the evaluation meets.

        Source: the kernel's ``context_struct_compute_av``.
        """
        types = source.type, target.type
        if recording is None:
            packed = self._rules.access(*types, object_class, active)
        else:
            packed = self._rules.recorded_access(*types, object_class, active, recording.rows)
        allowed = packed & VECTOR_MASK
        if recording is not None:
            recording.reasons.append(DenialReason(DenialKind.NO_RULE, ~packed & VECTOR_MASK))
        if allowed:
            constraints = self._constraints.get(object_class)
            if constraints is None:
                constraints = self._compile(object_class)
            if constraints:
                allowed = self._constrain(constraints, source, target, allowed, recording)
            if object_class == self._process and allowed & self._role_change and source.role != target.role:
                allowed = self._check_role_change(source, target, allowed, recording)
            if source.type in self._bounds:
                allowed = self._bound(source, target, object_class, allowed, active, recording)
        return AccessVectors(
            allowed,
            packed >> AUDITALLOW_SHIFT & VECTOR_MASK,
            ~(packed >> DONTAUDIT_SHIFT) & VECTOR_MASK,
        )

    def _check_role_change(self, source: Context, target: Context, allowed: int, recording: Recording | None) -> int:
        if (source.role, target.role) in self._role_allows:
            return allowed
        if recording is not None:
            recording.reasons.append(DenialReason(DenialKind.ROLE, allowed & self._role_change))
        return allowed & ~self._role_change

    def _bound(
        self,
        source: Context,
        target: Context,
        object_class: int,
        allowed: int,
        active: Sequence[bool],
        recording: Recording | None,
    ) -> int:
        """Withhold what the bounding type may not do to the target, or to the target's own bounding type.

        Source: the kernel's ``type_attribute_bounds_av``.
        """
        bounding = source._replace(type=self._bounds[source.type])
        bounding_target = target._replace(type=self._bounds.get(target.type, target.type))
        of_bounding = None if recording is None else Recording.new()
        exceeding = allowed & ~self.compute(bounding, bounding_target, object_class, active, of_bounding).allowed
        if exceeding and recording is None and self._report is not None:
            described = self._policy.classes[object_class]
            shown = format_context(self._policy, source), format_context(self._policy, target)
            self._report(BoundsExceeded(*shown, described.name, described.names(exceeding)))
        if exceeding and recording is not None and of_bounding is not None:
            causes = of_bounding.reasons_for(exceeding)
            recording.reasons.append(DenialReason(DenialKind.BOUNDS, exceeding, bounds=bounding.type, bounding=causes))
        return allowed & ~exceeding

    def _compile(self, object_class: int) -> tuple[_ClassConstraint, ...]:
        policy = self._policy
        result = self._constraints[object_class] = tuple(
            _ClassConstraint(index, each.permissions, compile_expression(policy, each.expression))
            for index, each in enumerate(policy.constraints)
            if each.object_class == object_class
        )
        return result

    def explain(
        self, source: Context, target: Context, object_class: int, vector: int, active: Sequence[bool]
    ) -> RecordedAccess:
        """Do what :meth:`compute` does, and tell by which rules, and why permissions of ``vector`` are denied."""
        recording = Recording.new()
        vectors = self.compute(source, target, object_class, active, recording)
        conditions = self._policy.rules.condition
        rules = tuple(MetRule(row, active[conditions[row]]) for row in recording.rows)
        return RecordedAccess(vectors, recording.reasons_for(vector & ~vectors.allowed), rules)

    def supposing(
        self,
        rules: Mapping[tuple[int, int, int], int],
        role_allows: Collection[tuple[int, int]],
        constraints: Mapping[int, Constraint],
    ) -> Self:
        """Return a computer that decides as this one would if the policy were a little different, and reports nothing.

        Args:
            rules: access vectors that are allowed besides, by source type, target type and class.
            role_allows: pairs of role ids that it takes for ``roleallow`` rules besides.
            constraints: constraints that stand in the place of others, by index into ``Policy.constraints``.
        """
        from copy import copy  # few suppose anything

        other = copy(self)
        other._suppose(rules, role_allows, constraints)  # noqa: SLF001 - one of its own class
        return other

    def _suppose(
        self,
        rules: Mapping[tuple[int, int, int], int],
        role_allows: Collection[tuple[int, int]],
        constraints: Mapping[int, Constraint],
    ) -> None:
        self._report = None
        self._rules = SupposedRules(self._rules, rules)
        self._role_allows = self._role_allows.union(role_allows)
        if constraints:  # the tables themselves are shared with the computer that decides
            self._constraints, self._terms = dict(self._constraints), dict(self._terms)
        for number, each in constraints.items():
            present = self._constraints.get(each.object_class) or self._compile(each.object_class)
            holds = compile_expression(self._policy, each.expression)
            self._constraints[each.object_class] = tuple(
                old._replace(holds=holds) if old.number == number else old for old in present
            )
            self._terms[number] = compile_terms(self._policy, each.expression)

    def _constrain(
        self,
        constraints: tuple[_ClassConstraint, ...],
        source: Context,
        target: Context,
        allowed: int,
        recording: Recording | None,
    ) -> int:
        operands = Operands.of(source, target)
        limited = allowed
        for number, permissions, holds in constraints:
            if permissions & limited and not holds(operands):
                if recording is None:
                    limited &= ~permissions  # what one constraint withholds, no other need look at
                else:
                    truths = term_truths(self._terms_of(number), operands)
                    recording.reasons.append(
                        DenialReason(DenialKind.CONSTRAINT, permissions & limited, constraint=number, truths=truths)
                    )
                allowed &= ~permissions
        return allowed

    def _terms_of(self, constraint: int) -> tuple[Term, ...]:
        found = self._terms.get(constraint)
        if found is None:
            expression = self._policy.constraints[constraint].expression
            found = self._terms[constraint] = compile_terms(self._policy, expression)
        return found


def bounding_chain(policy: Policy, type_id: int) -> tuple[int, ...]:
    """Return the types that bound a type, the nearest first."""
    chain: list[int] = []
    bounding = policy.types[type_id].bounds
    while bounding is not None and bounding not in chain:
        chain.append(bounding)
        bounding = policy.types[bounding].bounds
    return tuple(chain)
