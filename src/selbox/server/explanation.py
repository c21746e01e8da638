"""Why a permission was denied: values that the summary of a run and commands turn into words."""

from collections.abc import Iterable
from enum import Enum
from functools import reduce
from operator import or_

from selbox.model.context import Context
from selbox.model.extended import ExtendedRule
from selbox.model.policy import Policy
from selbox.model.rules import RuleKind
from selbox.typing import NamedTuple


class DenialKind(Enum):
    """What part of policy withholds a permission."""

    NO_RULE = "no rule allows it"
    CONSTRAINT = "a constraint forbids it"
    ROLE = "no roleallow rule permits the change of role"
    BOUNDS = "the bounding type may not do it"
    EXTENDED = "no extended rule allows the number"
    UNKNOWN = "the policy does not define the class or permission, and denies unknown ones"


class DenialReason(NamedTuple):
    """One reason.

    Attributes:
        kind: the part of policy.
        permissions: access vector of the denied permissions that it withholds.
        constraint: for ``CONSTRAINT`` the index into ``Policy.constraints``.
        truths: for ``CONSTRAINT`` what each term of its expression came to, in the expression's postfix order.
        bounds: for ``BOUNDS`` the id of the bounding type.
        bounding: for ``BOUNDS`` why the bounding type may not.
    """

    kind: DenialKind
    permissions: int
    constraint: int | None = None
    truths: tuple[bool, ...] = ()
    bounds: int | None = None
    bounding: tuple["DenialReason", ...] = ()


class Recording(NamedTuple):
    """What one evaluation of an access met, in the order in which it met it.

    Attributes:
        rows: rows of ``Policy.rules``, without its type rules, that are about the source, the target and the class,
            those that are switched off among them.
        reasons: why permissions are withheld: those that no rule allows first.
    """

    rows: list[int]
    reasons: list[DenialReason]

    @classmethod
    def new(cls) -> "Recording":
        """Return one that nothing was met in."""
        return cls([], [])

    def reasons_for(self, denied: int) -> tuple[DenialReason, ...]:
        """Return the reasons that withhold some of the permissions in an access vector, narrowed to these."""
        return _narrowed(self.reasons, denied)


def _narrowed(reasons: Iterable[DenialReason], denied: int) -> tuple[DenialReason, ...]:
    return tuple(
        each._replace(permissions=each.permissions & denied, bounding=_narrowed(each.bounding, denied))
        for each in reasons
        if each.permissions & denied
    )


class MetRule(NamedTuple):
    """An access rule that is about a source, a target and a class.

    Attributes:
        row: row of ``Policy.rules``.
        active: whether it counts: it is unconditional, or its condition holds.
    """

    row: int
    active: bool


class MetExtendedRule(NamedTuple):
    """An extended rule that is about a source, a target and a class.

    Attributes:
        rule: the rule.
        active: as of :class:`MetRule`.
    """

    rule: ExtendedRule
    active: bool


class Explanation(NamedTuple):
    """Why permissions are granted or denied; what it says is what the evaluation that decided has met.

    Attributes:
        source: context of the subject.
        target: context of the object.
        object_class: class id.
        requested: access vector that was asked for.
        allowed: the part of it that is granted.
        others: permissions of the class that were not asked for and are granted.
        audited: the part of ``requested`` that is recorded, as granted or as denied.
        flags: of the decision (:attr:`selbox.server.decision.AccessDecision.flags`). A permissive type's denials go on
            all the same; of one whose accesses are besides never recorded nothing is computed: all is allowed.
        reasons: why the rest is denied; each denied permission is in at least one.
        rules: the access rules about these types and this class, whatever permissions they are about.
        extended: the extended rules about them, where a permission that they refine was asked for.
        number: the extended permission that was asked for, as in :class:`selbox.model.extended.ExtendedRule`; None
            where the base permission alone was.
        values: the value of each boolean, by id.
    """

    source: Context
    target: Context
    object_class: int
    requested: int
    allowed: int
    others: int
    audited: int
    flags: int
    reasons: tuple[DenialReason, ...]
    rules: tuple[MetRule, ...]
    extended: tuple[MetExtendedRule, ...]
    number: int | None
    values: tuple[bool, ...]

    @property
    def denied(self) -> int:
        """The part of ``requested`` that is not granted."""
        return self.requested & ~self.allowed

    @property
    def unruled(self) -> int:
        """The part of ``denied`` that no rule allows."""
        return reduce(or_, (each.permissions for each in self.reasons if each.kind is DenialKind.NO_RULE), 0)


class SwitchedOff(NamedTuple):
    """Conditional allow rules that do not hold under the booleans' values.

    Attributes:
        condition: value of their ``condition`` column.
        permissions: access vector of the permissions asked about that they would grant.
        rows: their rows of ``Policy.rules``.
    """

    condition: int
    permissions: int
    rows: tuple[int, ...]


def switched_off(policy: Policy, explanation: Explanation, permissions: int) -> tuple[SwitchedOff, ...]:
    """Return the allow rules that would grant some of ``permissions``, were the booleans set otherwise."""
    rules = policy.rules
    found: dict[int, list[int]] = {}
    for row, active in explanation.rules:
        if not active and rules.kind[row] == RuleKind.ALLOW and rules.data[row] & permissions:
            found.setdefault(rules.condition[row], []).append(row)
    return tuple(
        SwitchedOff(condition, reduce(or_, (rules.data[row] for row in rows)) & permissions, tuple(rows))
        for condition, rows in found.items()
    )
