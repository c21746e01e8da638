"""What forbids an access that rules allow, and what would have to change: constraints, roles, bounds, numbers."""

from typing import NamedTuple

from selbox.explain.answer import ProposalLine
from selbox.explain.changes import proposal_line
from selbox.explain.constrainttext import judged_constraint
from selbox.model.context import Context
from selbox.model.context_text import format_range
from selbox.model.policy import Policy
from selbox.server.evaluation import Access
from selbox.server.explanation import DenialReason
from selbox.server.reasontext import reason_text
from selbox.server.securityserver import SecurityServer
from selbox.server.validity import OBJECT_ROLE


class Difference(NamedTuple):
    """A part in which the two contexts differ, such as ``user``, with its values."""

    part: str
    source: str
    target: str


class Forbidden(NamedTuple):
    """What forbids an access.

    Attributes:
        constraints: each as :func:`~selbox.explain.constrainttext.judged_constraint` writes it.
        others: other reasons, in a line each.
        differences: in what parts the contexts differ that constraints compare.
        proposals: what would allow it; each has been tried.
    """

    constraints: tuple[str, ...]
    others: tuple[str, ...]
    differences: tuple[Difference, ...]
    proposals: tuple[ProposalLine, ...]


def forbidden(server: SecurityServer, access: Access) -> Forbidden:
    """Ask the server what forbids an access.

    Args:
        server: decides.
        access: an access that is denied, and not for want of a rule alone.
    """
    policy = server.policy
    sids = server.sid_for(access.source), server.sid_for(access.target)
    explanation = server.explain(*sids, access.object_class, access.vector, access.number)
    beyond = server.reasons_beyond_rules(explanation) if explanation.unruled else ()
    reasons = tuple(dict.fromkeys((*explanation.reasons, *beyond)))
    return Forbidden(
        constraints=tuple(_constraint(policy, each) for each in reasons if each.constraint is not None),
        others=tuple(reason_text(server, explanation, each) for each in reasons if each.constraint is None),
        differences=differences(policy, access.source, access.target),
        proposals=tuple(
            proposal_line(policy, access.source, access.target, each) for each in server.propose(explanation)
        ),
    )


def differences(policy: Policy, source: Context, target: Context) -> tuple[Difference, ...]:
    """Return the parts of two contexts, other than their types, that differ."""
    found: list[Difference] = []
    if source.user != target.user:
        found.append(Difference("user", policy.users[source.user].name, policy.users[target.user].name))
    if source.role != target.role and target.role != OBJECT_ROLE:
        found.append(Difference("role", policy.roles[source.role].name, policy.roles[target.role].name))
    if source.range != target.range:
        found.append(Difference("level", *(format_range(policy, each.range) for each in (source, target))))
    return tuple(found)


def _constraint(policy: Policy, reason: DenialReason) -> str:
    assert reason.constraint is not None  # noqa: S101 - the caller has looked
    return judged_constraint(policy, policy.constraints[reason.constraint], reason.truths)
