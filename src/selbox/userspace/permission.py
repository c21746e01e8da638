"""What a check of permissions came to: a value that is true or false and says why, and the error that carries it."""

import errno
import os

from selbox.typing import TYPE_CHECKING, Any, NamedTuple
from selbox.userspace.engine import Engine, Question

if TYPE_CHECKING:
    from selbox.explain.answer import Answer


class _Facts(NamedTuple):
    """What lies behind an answer; the attributes of :class:`PermissionResult` say what."""

    subject: str
    object: str
    object_class: str
    permissions: tuple[str, ...]
    denied: tuple[str, ...]
    why: tuple[str, ...]


class PermissionResult:
    """The answer to one question: true when the access may go on.

    What lies behind the answer is worked out when it is first asked for, so that an answer costs little.

    Attributes:
        granted: whether the access goes on; in permissive mode also when the policy denies it.
    """

    __slots__ = ("_answer", "_case", "_facts", "granted")

    def __init__(
        self,
        granted: bool,
        case: tuple[Engine, int, int, Question] | None,
        facts: _Facts | None = None,
        answer: "Answer | None" = None,
    ) -> None:
        # INVARIANT: either the case is known, or both of what is made of it.
        self.granted = granted
        self._case = case
        self._facts = facts
        self._answer = answer

    def __bool__(self) -> bool:
        return self.granted

    @property
    def subject(self) -> str:
        """Context of the subject, as text."""
        return self._known().subject

    @property
    def object(self) -> str:
        """Context of the object, as text."""
        return self._known().object

    @property
    def object_class(self) -> str:
        """Name of the class."""
        return self._known().object_class

    @property
    def permissions(self) -> tuple[str, ...]:
        """Names of what was asked for."""
        return self._known().permissions

    @property
    def denied(self) -> tuple[str, ...]:
        """Names of the permissions that the policy denies; not empty either where it is not enforced."""
        return self._known().denied

    @property
    def why(self) -> tuple[str, ...]:
        """What part of policy denies them, a line each: the rule that is missing, the constraint that forbids.

        Where none is denied, the rules that allow it, with their places in the source where these are known.
        """
        return self._known().why

    @property
    def permissive(self) -> bool:
        """Whether the policy denies the access and it goes on all the same."""
        return self.granted and bool(self.denied)

    def explain(self) -> "Answer":
        """Return all that can be said: rules with their places, constraints term by term, and what would allow it.

        It is what `selbox why` tells, and takes longer than the other attributes.
        """
        if self._answer is None:
            assert self._case is not None  # noqa: S101 - see the invariant
            engine, source, target, question = self._case
            self._answer = engine.explain(source, target, question)
        return self._answer

    def _known(self) -> _Facts:
        if self._facts is None:
            assert self._case is not None  # noqa: S101 - see the invariant
            engine, source, target, question = self._case
            text = engine.server.sid_to_context
            denied, why = engine.reasons(source, target, question)
            self._facts = _Facts(text(source), text(target), question.class_name, question.names, denied, why)
        return self._facts

    def __str__(self) -> str:
        """Return one line: who may, or may not, do what with which object, and why not."""
        facts = self._known()
        shown = facts.permissions if self.granted else facts.denied or facts.permissions
        verb = "may" if self.granted else "may not"
        text = f"`{facts.subject}` {verb} {{ {' '.join(shown)} }} {facts.object_class} `{facts.object}`"
        if facts.denied and self.granted:
            text += ", though the policy denies it"
        return ": ".join([text, "; ".join(facts.why)]) if facts.why else text

    def __repr__(self) -> str:
        return f"<PermissionResult: {self}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (PermissionResult, (self.granted, None, self._known(), self.explain()))


class PermissionDenied(PermissionError):  # noqa: N818 - named for what it tells, as PermissionError is
    """Policy denies an access, and is enforced.

    It is a ``PermissionError`` with the errno ``EACCES``, and no ``SelboxError``: it says no failure, and who catches
    failures must not take a refusal for one. Its text names rules and contexts; what a client may be told is
    ``strerror``.

    Attributes:
        result: the answer that it stands for.
    """

    def __init__(self, result: PermissionResult) -> None:
        super().__init__(errno.EACCES, os.strerror(errno.EACCES))
        self.result = result

    @property
    def reason(self) -> str:
        """Why, in one line."""
        return "; ".join(self.result.why)

    def __str__(self) -> str:
        return str(self.result)

    def __reduce__(self) -> tuple[Any, ...]:
        return (PermissionDenied, (self.result,))
