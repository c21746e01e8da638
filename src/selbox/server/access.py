"""Access vectors: type enforcement, then constraints, role changes and type bounds, in the kernel's order."""

from collections.abc import Sequence
from typing import NamedTuple

from selbox.model.context import Context
from selbox.model.policy import Policy
from selbox.server.explanation import DenialKind, DenialReason
from selbox.server.expression import Operands, Predicate, compile_expression
from selbox.server.ruleindex import AUDITALLOW_SHIFT, DONTAUDIT_SHIFT, VECTOR_MASK, RuleIndex


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


class _ClassConstraint(NamedTuple):
    number: int
    permissions: int
    holds: Predicate


class AccessComputer:
    """Computes access vectors from one policy.

    Args:
        policy: the policy.
        rules: its type enforcement rules.
    """

    def __init__(self, policy: Policy, rules: RuleIndex) -> None:
        self._policy = policy
        self._rules = rules
        self._constraints: dict[int, tuple[_ClassConstraint, ...]] = {}
        self._bounds = {index: each.bounds for index, each in enumerate(policy.types) if each.bounds is not None}
        self._role_allows = {(each.source, each.target) for each in policy.role_allows}
        self._process = policy.class_ids.get("process", -1)
        self._role_change = self._transition_permissions()

    def _transition_permissions(self) -> int:
        if self._process < 0:
            return 0
        names = self._policy.classes[self._process].permissions
        return sum(1 << bit for bit, name in enumerate(names) if name in ("transition", "dyntransition"))

    def compute(
        self,
        source: Context,
        target: Context,
        object_class: int,
        active: Sequence[bool],
        reasons: list[DenialReason] | None = None,
    ) -> AccessVectors:
        """Compute the vectors of one class of the policy.

        Args:
            source: context of the subject.
            target: context of the object.
            object_class: id of a class that the policy has.
            active: which conditional rules hold.
            reasons: when given, takes each reason for which a permission that a rule allows is withheld.

        Source: the kernel's ``context_struct_compute_av``.
        """
        packed = self._rules.access(source.type, target.type, object_class, active)
        allowed = packed & VECTOR_MASK
        if allowed:
            constraints = self._constraints.get(object_class)
            if constraints is None:
                constraints = self._compile(object_class)
            if constraints:
                allowed = _constrain(constraints, source, target, allowed, reasons)
            if object_class == self._process and allowed & self._role_change and source.role != target.role:
                allowed = self._check_role_change(source, target, allowed, reasons)
            if source.type in self._bounds:
                allowed = self._bound(source, target, object_class, allowed, active, reasons)
        return AccessVectors(
            allowed,
            packed >> AUDITALLOW_SHIFT & VECTOR_MASK,
            ~(packed >> DONTAUDIT_SHIFT) & VECTOR_MASK,
        )

    def _check_role_change(
        self, source: Context, target: Context, allowed: int, reasons: list[DenialReason] | None
    ) -> int:
        if (source.role, target.role) in self._role_allows:
            return allowed
        if reasons is not None:
            reasons.append(DenialReason(DenialKind.ROLE, allowed & self._role_change))
        return allowed & ~self._role_change

    def _bound(
        self,
        source: Context,
        target: Context,
        object_class: int,
        allowed: int,
        active: Sequence[bool],
        reasons: list[DenialReason] | None,
    ) -> int:
        """Withhold what the bounding type may not do to the target, or to the target's own bounding type.

        Source: the kernel's ``type_attribute_bounds_av``.
        """
        bounding = source._replace(type=self._bounds[source.type])
        bounding_target = target._replace(type=self._bounds.get(target.type, target.type))
        exceeding = allowed & ~self.compute(bounding, bounding_target, object_class, active).allowed
        if exceeding and reasons is not None:
            reasons.append(DenialReason(DenialKind.BOUNDS, exceeding, bounds=bounding.type))
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
    ) -> tuple[DenialReason, ...]:
        """Tell why permissions of ``vector`` are denied; empty when all of them are granted.

        Each denied permission is in at least one reason: those that no rule allows first.
        """
        withheld: list[DenialReason] = []
        allowed = self.compute(source, target, object_class, active, withheld).allowed
        denied = vector & ~allowed
        reasons = [
            each._replace(permissions=each.permissions & denied) for each in withheld if each.permissions & denied
        ]
        unruled = denied & ~self._rules.access(source.type, target.type, object_class, active)
        if unruled:
            switched = self._rules.inactive_conditions(source.type, target.type, object_class, active, unruled)
            reasons[:0] = [
                DenialReason(DenialKind.NO_RULE, unruled),
                *(
                    DenialReason(DenialKind.BOOLEAN, permissions, condition=condition)
                    for condition, permissions in switched.items()
                ),
            ]
        return tuple(reasons)


def _constrain(
    constraints: tuple[_ClassConstraint, ...],
    source: Context,
    target: Context,
    allowed: int,
    reasons: list[DenialReason] | None,
) -> int:
    operands = Operands.of(source, target)
    for number, permissions, holds in constraints:
        if permissions & allowed and not holds(operands):
            if reasons is not None:
                reasons.append(DenialReason(DenialKind.CONSTRAINT, permissions & allowed, constraint=number))
            allowed &= ~permissions
    return allowed


def bounding_chain(policy: Policy, type_id: int) -> tuple[int, ...]:
    """Return the types that bound a type, the nearest first."""
    chain: list[int] = []
    bounding = policy.types[type_id].bounds
    while bounding is not None and bounding not in chain:
        chain.append(bounding)
        bounding = policy.types[bounding].bounds
    return tuple(chain)
