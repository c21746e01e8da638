"""One form of question for two who can answer: a policy that was given, and the kernel or box around a program."""

from collections.abc import Mapping

from selbox.diagnostics import SelboxError, did_you_mean
from selbox.model.policy import Policy
from selbox.model.rules import RuleKind
from selbox.server.securityserver import SecurityServer
from selbox.typing import NamedTuple, Protocol


class NamedDecision(NamedTuple):
    """What is decided about one source, target and class, with the names of the class's permissions.

    Attributes:
        permissions: names, in bit order; empty where a bit has no name.
        allowed: access vector that is granted.
        decided: access vector that the answer is about.
        auditallow: granted permissions that are recorded all the same.
        auditdeny: denied permissions that are recorded.
    """

    permissions: tuple[str, ...]
    allowed: int
    decided: int
    auditallow: int
    auditdeny: int


class BooleanState(NamedTuple):
    """A boolean's value, and the one that the next commit gives it."""

    active: bool
    pending: bool


class Answers(Protocol):
    """Answers questions about security contexts, all of them text."""

    def canonical_context(self, context: str) -> str:
        """Return a context as the policy writes it.

        Raises:
            SelboxError: code ``invalid-context``.
        """
        ...

    def check_class(self, object_class: str) -> None:
        """Return when the policy defines a class.

        Raises:
            SelboxError: code ``unknown-class``.
        """
        ...

    def compute_av(self, source: str, target: str, object_class: str) -> NamedDecision:
        """Decide about every permission of a class.

        Raises:
            SelboxError: when it cannot be decided.
        """
        ...

    def compute(self, kind: RuleKind, source: str, target: str, object_class: str, name: str | None = None) -> str:
        """Return the context that a transition, change or member rule leads to.

        Args:
            kind: ``TYPE_TRANSITION``, ``TYPE_CHANGE`` or ``TYPE_MEMBER``.
            source: context of the subject.
            target: context of the related object.
            object_class: name of the class.
            name: of the new object, for transitions.

        Raises:
            SelboxError: when there is no such context.
        """
        ...

    def booleans(self) -> Mapping[str, BooleanState]:
        """Return the booleans by name."""
        ...


class PolicyAnswers:
    """Answers by a policy that was given, enforcing.

    Args:
        policy: the policy.
    """

    def __init__(self, policy: Policy) -> None:
        self._server = SecurityServer(policy)
        self._compute = {
            RuleKind.TYPE_CHANGE: self._server.compute_relabel,
            RuleKind.TYPE_MEMBER: self._server.compute_member,
        }

    def canonical_context(self, context: str) -> str:
        """See :class:`Answers`."""
        return self._server.sid_to_context(self._server.context_to_sid(context))

    def check_class(self, object_class: str) -> None:
        """See :class:`Answers`."""
        self._class(object_class)

    def compute_av(self, source: str, target: str, object_class: str) -> NamedDecision:
        """See :class:`Answers`."""
        class_id = self._class(object_class)
        decision = self._server.compute_access(*self._sids(source, target), class_id)
        names = self._server.policy.classes[class_id].permissions
        return NamedDecision(names, decision.allowed, 0xFFFFFFFF, decision.auditallow, decision.auditdeny)

    def compute(self, kind: RuleKind, source: str, target: str, object_class: str, name: str | None = None) -> str:
        """See :class:`Answers`."""
        class_id, sids = self._class(object_class), self._sids(source, target)
        if kind is RuleKind.TYPE_TRANSITION:
            return self._server.sid_to_context(self._server.compute_create(*sids, class_id, name))
        return self._server.sid_to_context(self._compute[kind](*sids, class_id))

    def booleans(self) -> Mapping[str, BooleanState]:
        """See :class:`Answers`."""
        return {name: BooleanState(value, value) for name, value in self._server.booleans.items()}

    def _sids(self, source: str, target: str) -> tuple[int, int]:
        return self._server.context_to_sid(source), self._server.context_to_sid(target)

    def _class(self, name: str) -> int:
        class_id = self._server.class_id(name)
        if class_id is None:
            raise unknown_class(name, did_you_mean(name, self._server.policy.class_ids))
        return class_id


def unknown_class(name: str, guess: str) -> SelboxError:
    """Return the error for a class that the policy does not define."""
    return SelboxError.of("unknown-class", f"the policy does not define the class `{name}`", help=guess)
