"""One access evaluated whole, base permissions and extended ones, with what the evaluation met."""

from collections.abc import Collection, Sequence

from selbox.model.context import Context
from selbox.model.policy import Policy
from selbox.server.access import AccessComputer, AccessVectors
from selbox.server.decision import ExtendedDecision
from selbox.server.explanation import DenialKind, DenialReason, MetExtendedRule, MetRule
from selbox.server.extendedrules import ExtendedRuleIndex, refined_permission
from selbox.server.proposal import AddExtendedRule
from selbox.server.ruleindex import VECTOR_MASK
from selbox.typing import NamedTuple


class Access(NamedTuple):
    """What is asked.

    Attributes:
        source: context of the subject.
        target: context of the object.
        object_class: class id.
        vector: access vector.
        number: extended permission; None where the base permission alone is asked for.
    """

    source: Context
    target: Context
    object_class: int
    vector: int
    number: int | None


class Evaluation(NamedTuple):
    """What it comes to.

    Attributes:
        vectors: the decision about the whole class; of a refined permission that of the number.
        reasons: why permissions that were asked for are denied.
        rules: the access rules that were met.
        extended: the extended rules, where they refine a permission that was asked for.
    """

    vectors: AccessVectors
    reasons: tuple[DenialReason, ...]
    rules: tuple[MetRule, ...]
    extended: tuple[MetExtendedRule, ...]


NOTHING = Evaluation(AccessVectors(0, 0, VECTOR_MASK), (), (), ())
"""What there is to say of a class that the policy does not define."""


def evaluate(
    policy: Policy,
    computer: AccessComputer,
    extended: ExtendedRuleIndex,
    active: Sequence[bool],
    access: Access,
    allowed_numbers: Collection[AddExtendedRule] = (),
) -> Evaluation:
    """Evaluate an access.

    Args:
        policy: the policy.
        computer: decides about access vectors.
        extended: decides about extended permissions.
        active: which conditional rules hold.
        access: what is asked; its class is the policy's.
        allowed_numbers: extended permissions that are supposed to be allowed besides.
    """
    found = computer.explain(access.source, access.target, access.object_class, access.vector, active)
    plain = Evaluation(*found, ())
    refinement = refined_permission(policy.classes[access.object_class].permissions, access.vector)
    if refinement is None or access.object_class not in extended.classes:
        return plain
    kind, bit = refinement
    types = access.source.type, access.target.type, access.object_class
    refined = plain._replace(
        extended=tuple(MetExtendedRule(each, active[each.condition]) for each in extended.rules(*types))
    )
    if access.number is None:
        return refined
    decision = extended.number_decision(*types, active, kind, access.number)
    if decision is not None and AddExtendedRule(*types, kind, access.number) in allowed_numbers:
        decision = decision._replace(allowed=1)
    return refined if decision is None else _narrowed(refined, bit, decision)


def _narrowed(evaluation: Evaluation, bit: int, decision: ExtendedDecision) -> Evaluation:
    """Return an evaluation with what extended rules say of one number.

    Source: the kernel's ``avc_has_extended_perms`` and ``avc_xperms_audit_required``.
    """
    allowed, auditallow, auditdeny = evaluation.vectors
    reasons = evaluation.reasons
    if allowed & bit and not decision.allowed:
        allowed &= ~bit
        reasons = (*reasons, DenialReason(DenialKind.EXTENDED, bit))
    if not decision.auditallow:
        auditallow &= ~bit
    if decision.dontaudit:
        auditdeny &= ~bit
    return evaluation._replace(vectors=AccessVectors(allowed, auditallow, auditdeny), reasons=reasons)
