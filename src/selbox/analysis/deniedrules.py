"""The rules that the denials of a log call for: one for each source, target, class and cause."""

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from operator import itemgetter

from selbox.audit.accesslines import AccessLine, LoggedAccess
from selbox.explain.loggedcauses import LoggedCause
from selbox.server.causes import CauseKind
from selbox.typing import Final, NamedTuple, TypeVar

_T = TypeVar("_T")

SELF: Final = "self"
"""How rules name a target that is the source."""

MOST_KNOWN: Final = 1 << 18
"""Accesses that are known again, of which all are forgotten when there are more; and rules that are kept: no policy has
as many, and what writes them into a log shall not take all memory."""

_MOST_EXAMPLES: Final = 20
"""Lines of the log that are kept for one rule."""


class DeniedRule(NamedTuple):
    """A rule that would allow what a log says was denied, as far as rules go.

    Attributes:
        source: type.
        target: type, or :data:`SELF`.
        object_class: name of the class.
        kind: what part of the policy denies it; None where the policy does not know a name in it.
        cause: what denies the first access.
        permissions: names, sorted.
        numbers: extended permissions that records had, sorted.
        access: the first access of the log that calls for the rule.
        times: how many records.
        examples: the first lines of the log about it.
    """

    source: str
    target: str
    object_class: str
    kind: CauseKind | None
    cause: LoggedCause
    permissions: tuple[str, ...]
    numbers: tuple[int, ...]
    access: LoggedAccess
    times: int
    examples: Sequence[AccessLine]


class RuleGroup:
    """What is collected for one rule.

    Args:
        source: type.
        target: type, also where it is the source.
        line: the first line about it.
        cause: what denies it.

    Attributes:
        source, target, line, cause: as given.
        permissions: names.
        numbers: extended permissions.
        examples: lines.
        times: how many records.
    """

    __slots__ = ("cause", "examples", "line", "numbers", "permissions", "source", "target", "times")

    def __init__(self, source: str, target: str, line: AccessLine, cause: LoggedCause) -> None:
        self.source = source
        self.target = target
        self.line = line
        self.cause = cause
        self.permissions: Collection[str] = ()
        self.numbers: Collection[int] = ()
        self.examples: tuple[AccessLine, ...] = ()
        self.times = 0

    def join(self, access: LoggedAccess) -> None:
        """Take what an access adds to the rule."""
        self.permissions = _joined(self.permissions, access.permissions)
        if access.number is not None:
            self.numbers = _joined(self.numbers, (access.number,))

    def rule(self) -> DeniedRule:
        """Return the rule."""
        access, permissions = self.line.access, self.permissions
        return DeniedRule(
            self.source,
            SELF if self.source == self.target else self.target,
            access.tclass,
            self.cause.kind,
            self.cause,
            tuple(sorted(permissions) if len(permissions) > 1 else permissions),
            tuple(sorted(self.numbers)) if self.numbers else (),
            access,
            self.times,
            self.examples,
        )


class DeniedRules:
    """Collects them; what it keeps grows with the rules, not with the log.

    Args:
        examples: how many lines of the log are kept for each rule; 20 at most.

    Attributes:
        others: records that call for rules which were not kept, as there were too many.
    """

    def __init__(self, examples: int = 1) -> None:
        self._examples = min(examples, _MOST_EXAMPLES)
        self._groups: dict[tuple[str, str, str, CauseKind], RuleGroup] = {}
        self._of_access: dict[LoggedAccess, RuleGroup] = {}
        self.others = 0

    def add(self, lines: Iterable[AccessLine], causes: Iterable[LoggedCause]) -> list[AccessLine]:
        """Add lines with what denies each access; what was granted or could not be asked about calls for nothing.

        Returns:
            The lines that are kept as examples.
        """
        kept: list[AccessLine] = []
        groups, keep = self._of_access, self._examples
        if len(groups) > MOST_KNOWN:
            groups.clear()
        for line, cause in zip(lines, causes, strict=True):
            group = groups.get(line.access) or self._group(line, cause)
            if group is not None:
                group.times += 1
                if len(group.examples) < keep:
                    group.examples += (line,)
                    kept.append(line)
        return kept

    def _group(self, line: AccessLine, cause: LoggedCause) -> RuleGroup | None:
        access = line.access
        if access.granted or cause.kind is None:
            return None
        source, target = type_of(access.scontext), type_of(access.tcontext)
        key = source, target, access.tclass, cause.kind
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= MOST_KNOWN:
                self.others += 1
                return None
            group = self._groups[key] = RuleGroup(source, target, line, cause)
        self._of_access[access] = group
        group.join(access)
        return group

    def rules(self) -> list[DeniedRule]:
        """Return the rules by source, target and class; those of one key in the order of the log."""
        return sorted((each.rule() for each in self._groups.values()), key=itemgetter(0, 1, 2))


def _joined(known: Collection[_T], more: tuple[_T, ...]) -> Collection[_T]:
    """Return a union: a tuple as long as one will do, for most rules of a long log come of one access."""
    if not known or known == more:
        return more
    joined = known if isinstance(known, set) else set(known)
    joined.update(more)
    return joined


@lru_cache(maxsize=1 << 14)
def type_of(context: str) -> str:
    """Return the type of a context, or all of what is none."""
    parts = context.split(":", 3)
    return parts[2] if len(parts) > 2 else context
