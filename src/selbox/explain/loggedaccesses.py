"""The accesses of a log, which are names, in the numbers of a policy."""

from collections.abc import Sequence

from selbox.audit.accesslines import LoggedAccess
from selbox.model.context import Context
from selbox.model.policy import Policy
from selbox.server.contexttexts import ContextTexts
from selbox.server.evaluation import Access
from selbox.typing import Final, NamedTuple

_MOST_KEPT: Final = 1 << 16
"""Contexts, and access vectors, that are remembered; when there are more, all are forgotten."""
_LONGEST_KEPT: Final = 1 << 10
"""Characters of a context that is."""


class UnknownName(NamedTuple):
    """What a policy does not know: the code of the diagnostic, and the word."""

    code: str
    word: str


class LoggedAccesses:
    """Finds them; each context, and each permission of a class, is looked up once.

    Args:
        policy: the policy.
    """

    def __init__(self, policy: Policy) -> None:
        self._contexts = _Contexts(policy)
        self._vectors = _Vectors(policy)

    def find(self, logged: Sequence[LoggedAccess]) -> list[Access | UnknownName]:
        """Return each access, or what the policy does not know of it."""
        if not logged:
            return []
        _, permissions, scontexts, tcontexts, tclasses, numbers = zip(*logged, strict=True)
        sources = map(self._contexts.__getitem__, scontexts)
        targets = map(self._contexts.__getitem__, tcontexts)
        vectors = map(self._vectors.__getitem__, zip(tclasses, permissions, strict=True))
        return [
            Access(source, target, *vector, number)
            if source and target and not isinstance(vector, UnknownName)
            else self._unknown(each)
            for each, source, target, vector, number in zip(logged, sources, targets, vectors, numbers, strict=True)
        ]

    def _unknown(self, logged: LoggedAccess) -> UnknownName:
        for context in (logged.scontext, logged.tcontext):
            if self._contexts[context] is None:
                return UnknownName("invalid-context", context)
        vector = self._vectors[logged.tclass, logged.permissions]
        assert isinstance(vector, UnknownName)  # noqa: S101 - the caller has looked
        return vector


class _Contexts(dict[str, Context | None]):
    """Contexts by their texts; None for what is none under a policy."""

    def __init__(self, policy: Policy) -> None:
        self._texts = ContextTexts(policy)

    def __missing__(self, text: str) -> Context | None:
        context = self._texts.read(text)
        if len(text) <= _LONGEST_KEPT:
            if len(self) >= _MOST_KEPT:
                self.clear()
            self[text] = context
        return context


class _Vectors(dict[tuple[str, tuple[str, ...]], tuple[int, int] | UnknownName]):
    """Class id and access vector, by the names of a class and of permissions."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def __missing__(self, names: tuple[str, tuple[str, ...]]) -> tuple[int, int] | UnknownName:
        if len(self) >= _MOST_KEPT:
            self.clear()
        vector = self[names] = self._vector(*names)
        return vector

    def _vector(self, tclass: str, permissions: tuple[str, ...]) -> tuple[int, int] | UnknownName:
        object_class = self._policy.class_ids.get(tclass)
        if object_class is None:
            return UnknownName("unknown-class", tclass)
        known = self._policy.classes[object_class]
        unknown = next((each for each in permissions if each not in known.permissions), None)
        if unknown is not None:
            return UnknownName("unknown-permission", f"{tclass} {unknown}")
        return object_class, known.vector(permissions)
