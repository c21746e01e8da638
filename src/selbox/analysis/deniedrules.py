"""The rules that the denials of a log call for: one for each source, target, class and cause."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from selbox.audit.accesslines import AccessLine, LoggedAccess
from selbox.explain.loggedcauses import LoggedCause
from selbox.server.causes import CauseKind

SELF: Final = "self"
"""How rules name a target that is the source."""

_MOST_EXAMPLES: Final = 20
"""Lines of the log that are kept for one rule."""


class DeniedRule(NamedTuple):
    """A rule that would allow what a log says was denied, as far as rules go.

    Attributes:
        source: type.
        target: type, or :data:`SELF`.
        object_class: name of the class.
        cause: what denies it.
        permissions: names, sorted.
        numbers: extended permissions that records had, sorted.
        accesses: the accesses, each once, and what denies them; the first is the first of the log.
        times: how many records.
        examples: the first lines of the log about it.
    """

    source: str
    target: str
    object_class: str
    cause: CauseKind
    permissions: tuple[str, ...]
    numbers: tuple[int, ...]
    accesses: Sequence[tuple[LoggedAccess, LoggedCause]]
    times: int
    examples: Sequence[AccessLine]


class _Group:
    __slots__ = ("accesses", "examples", "key", "times")

    def __init__(self, key: tuple[str, str, str, CauseKind]) -> None:
        self.key = key
        self.accesses: list[tuple[LoggedAccess, LoggedCause]] = []
        self.examples: list[AccessLine] = []
        self.times = 0


class DeniedRules:
    """Collects them; what it keeps grows with the accesses that differ, not with the log.

    Args:
        examples: how many lines of the log are kept for each access, 0 or more.
    """

    def __init__(self, examples: int = 1) -> None:
        self._examples = min(examples, _MOST_EXAMPLES)
        self._groups: dict[tuple[str, str, str, CauseKind], _Group] = {}
        self._of_access: dict[LoggedAccess, _Group] = {}

    def add(self, lines: Iterable[AccessLine], causes: Iterable[LoggedCause]) -> None:
        """Add lines with what denies each access; what was granted or could not be asked about calls for nothing."""
        groups, keep = self._of_access, self._examples
        for line, cause in zip(lines, causes, strict=True):
            group = groups.get(line.access) or self._group(line.access, cause)
            if group is not None:
                group.times += 1
                if len(group.examples) < keep:
                    group.examples.append(line)

    def clear(self) -> None:
        """Forget everything, as when another policy was loaded."""
        self._groups.clear()
        self._of_access.clear()

    def _group(self, access: LoggedAccess, cause: LoggedCause) -> _Group | None:
        if access.granted or cause.kind is None:
            return None
        source, target = (context.split(":", 3)[2] for context in (access.scontext, access.tcontext))
        key = source, target, access.tclass, cause.kind
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(key)
        self._of_access[access] = group
        group.accesses.append((access, cause))
        return group

    def rules(self) -> list[DeniedRule]:
        """Return the rules by source, target and class; those of one key in the order of the log."""
        return sorted(map(_rule, self._groups.values()), key=_place)


def _rule(group: _Group) -> DeniedRule:
    source, target, object_class, cause = group.key
    accesses = group.accesses
    permissions = {name for access, _ in accesses for name in access.permissions}
    numbers = {access.number for access, _ in accesses if access.number is not None}
    return DeniedRule(
        source,
        SELF if source == target else target,
        object_class,
        cause,
        tuple(sorted(permissions)),
        tuple(sorted(numbers)),
        accesses,
        group.times,
        group.examples,
    )


def _place(rule: DeniedRule) -> tuple[str, str, str]:
    return rule[:3]
