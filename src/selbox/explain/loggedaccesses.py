"""The accesses of a log, which are names, in the numbers of a policy."""

from collections.abc import Sequence
from functools import partial

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
        sources = list(map(self._contexts.__getitem__, scontexts))
        targets = list(map(self._contexts.__getitem__, tcontexts))
        vectors = list(map(self._vectors.__getitem__, zip(tclasses, permissions, strict=True)))
        if all(sources) and all(targets) and all(vectors):
            object_classes, asked = zip(*vectors, strict=True)
            rows = zip(sources, targets, object_classes, asked, numbers, strict=True)
            return list(map(partial(tuple.__new__, Access), rows))
        return [
            Access(source, target, *vector, number) if source and target and vector else self._unknown(each)
            for each, source, target, vector, number in zip(logged, sources, targets, vectors, numbers, strict=True)
        ]

    def _unknown(self, logged: LoggedAccess) -> UnknownName:
        for context in (logged.scontext, logged.tcontext):
            if self._contexts[context] is None:
                return UnknownName("invalid-context", context)
        permissions = self._vectors.permissions(logged.tclass)
        if permissions is None:
            return UnknownName("unknown-class", logged.tclass)
        unknown = next(each for each in logged.permissions if each not in permissions[1])
        return UnknownName("unknown-permission", f"{logged.tclass} {unknown}")


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


class _Vectors(dict[tuple[str, tuple[str, ...]], tuple[int, int] | None]):
    """Class id and access vector, by the names of a class and of permissions; None where one of them is unknown."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._permissions: dict[str, tuple[int, dict[str, int]]] = {}

    def __missing__(self, names: tuple[str, tuple[str, ...]]) -> tuple[int, int] | None:
        if len(self) >= _MOST_KEPT:
            self.clear()
        vector = self[names] = self._vector(*names)
        return vector

    def permissions(self, tclass: str) -> tuple[int, dict[str, int]] | None:
        """Return a class's id, and the bit of each of its permissions; None for a name that is no class."""
        found = self._permissions.get(tclass)
        if found is None and tclass in self._policy.class_ids:
            object_class = self._policy.class_ids[tclass]
            names = self._policy.classes[object_class].permissions
            found = self._permissions[tclass] = object_class, {name: 1 << bit for bit, name in enumerate(names)}
        return found

    def _vector(self, tclass: str, permissions: tuple[str, ...]) -> tuple[int, int] | None:
        known = self.permissions(tclass)
        if known is None:
            return None
        object_class, bits = known
        vector = 0
        for each in permissions:
            if each not in bits:
                return None
            vector |= bits[each]
        return object_class, vector
