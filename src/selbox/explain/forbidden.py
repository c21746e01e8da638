"""What forbids an access that rules allow, and what would have to change: constraints, roles, bounds, numbers."""

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
from selbox.typing import Final, NamedTuple


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


_MOST_KNOWN: Final = 1 << 12
"""Texts of constraints that are remembered."""


class ForbiddenAccesses:
    """Tells what forbids accesses; what constraints come to is written once.

    Args:
        server: decides.
    """

    def __init__(self, server: SecurityServer) -> None:
        self._server = server
        self._constraints: dict[tuple[int, tuple[bool, ...]], str] = {}

    def tell(self, access: Access, *, propose: bool = True) -> Forbidden:
        """Ask the server what forbids an access.

        Args:
            access: an access that is denied, and not for want of a rule alone.
            propose: whether to look for what would allow it, which takes some milliseconds.
        """
        server, policy = self._server, self._server.policy
        sids = server.sid_for(access.source), server.sid_for(access.target)
        explanation = server.explain(*sids, access.object_class, access.vector, access.number)
        beyond = server.reasons_beyond_rules(explanation) if explanation.unruled else ()
        reasons = tuple(dict.fromkeys((*explanation.reasons, *beyond)))
        proposals = server.propose(explanation) if propose else ()
        return Forbidden(
            constraints=tuple(self._constraint(each) for each in reasons if each.constraint is not None),
            others=tuple(reason_text(server, explanation, each) for each in reasons if each.constraint is None),
            differences=differences(policy, access.source, access.target),
            proposals=tuple(proposal_line(policy, access.source, access.target, each) for each in proposals),
        )

    def _constraint(self, reason: DenialReason) -> str:
        assert reason.constraint is not None  # noqa: S101 - the caller has looked
        key = reason.constraint, reason.truths
        text = self._constraints.get(key)
        if text is None:
            if len(self._constraints) >= _MOST_KNOWN:
                self._constraints.clear()
            policy = self._server.policy
            text = judged_constraint(policy, policy.constraints[reason.constraint], reason.truths)
            self._constraints[key] = text
        return text


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
