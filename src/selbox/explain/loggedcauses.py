"""The part of the policy that denies each access of a log, in names."""

from collections.abc import Iterable

from selbox.audit.accesslines import LoggedAccess
from selbox.explain.answer import BooleanValue
from selbox.model.context import Context
from selbox.server.causes import Cause, CauseKind
from selbox.server.contexttexts import ContextTexts
from selbox.server.evaluation import Access
from selbox.server.securityserver import SecurityServer
from selbox.typing import Final, NamedTuple

_MOST_KEPT: Final = 1 << 18
"""Accesses that are remembered from one batch to the next; when there are more, all are forgotten."""


class LoggedCause(NamedTuple):
    """What denies a logged access.

    Attributes:
        kind: what part of the policy; None where the policy cannot be asked about the access.
        booleans: for ``BOOLEAN`` those each of which alone would allow it, with the value that it would have to have.
        access: what was asked; None where it could not be.
        fault: why it could not be asked: a code, and the word that the policy does not know.
    """

    kind: CauseKind | None
    booleans: tuple[BooleanValue, ...] = ()
    access: Access | None = None
    fault: tuple[str, str] = ("", "")


class LoggedCauses:
    """Finds them under the policy and the booleans that a server has now.

    Args:
        server: the server.
    """

    def __init__(self, server: SecurityServer) -> None:
        policy = server.policy
        self._policy = policy
        self._finder = server.cause_finder()
        self._texts = ContextTexts(policy)
        self._contexts: dict[str, Context | None] = {}
        self._vectors: dict[tuple[str, tuple[str, ...]], tuple[int, int] | tuple[str, str]] = {}
        self._found: dict[LoggedAccess, LoggedCause] = {}
        self._booleans: dict[tuple[tuple[int, bool], ...], tuple[BooleanValue, ...]] = {}

    def find(self, accesses: Iterable[LoggedAccess]) -> list[LoggedCause]:
        """Return what denies each of some accesses; equal ones cost little."""
        asked = list(accesses)
        found = self._found
        if len(found) > _MOST_KEPT:
            found.clear()
            self._contexts.clear()
        new = [each for each in dict.fromkeys(asked) if each not in found]
        resolved: list[tuple[LoggedAccess, Access]] = []
        for each in new:
            access = self._resolved(each)
            if isinstance(access, Access):
                resolved.append((each, access))
            else:
                found[each] = LoggedCause(None, fault=access)
        causes = self._finder.find([access for _, access in resolved])
        for (each, access), cause in zip(resolved, causes, strict=True):
            found[each] = LoggedCause(cause.kind, self._named(cause), access)
        return [found[each] for each in asked]

    def _named(self, cause: Cause) -> tuple[BooleanValue, ...]:
        if not cause.booleans:
            return ()
        known = self._booleans.get(cause.booleans)
        if known is None:
            booleans = self._policy.booleans
            named = tuple(BooleanValue(booleans[each].name, value) for each, value in cause.booleans)
            known = self._booleans[cause.booleans] = named
        return known

    def _resolved(self, access: LoggedAccess) -> Access | tuple[str, str]:
        """Return an access in the policy's numbers; or the code and the word of what the policy does not know."""
        _, permissions, scontext, tcontext, tclass, number = access
        contexts = self._contexts
        source = contexts.get(scontext) or self._context(scontext)
        if source is None:
            return "invalid-context", scontext
        target = contexts.get(tcontext) or self._context(tcontext)
        if target is None:
            return "invalid-context", tcontext
        vector = self._vectors.get((tclass, permissions)) or self._vector(tclass, permissions)
        if isinstance(vector[0], str):
            return str(vector[0]), str(vector[1])
        return Access(source, target, vector[0], int(vector[1]), number)

    def _context(self, text: str) -> Context | None:
        if text not in self._contexts:
            self._contexts[text] = self._texts.read(text)
        return self._contexts[text]

    def _vector(self, tclass: str, permissions: tuple[str, ...]) -> tuple[int, int] | tuple[str, str]:
        policy = self._policy
        object_class = policy.class_ids.get(tclass)
        found: tuple[int, int] | tuple[str, str]
        if object_class is None:
            found = "unknown-class", tclass
        else:
            names = policy.classes[object_class].permissions
            unknown = next((each for each in permissions if each not in names), None)
            if unknown is None:
                found = object_class, policy.classes[object_class].vector(permissions)
            else:
                found = "unknown-permission", f"{tclass} {unknown}"
        if len(self._vectors) < _MOST_KEPT:
            self._vectors[tclass, permissions] = found
        return found
