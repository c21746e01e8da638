"""The denials of a log by their causes: how often, since when, whose, of what, and what to do about it."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from selbox.analysis.advice import Advice
from selbox.analysis.deniedrules import MOST_KNOWN, DeniedRule, RuleGroup, type_of
from selbox.audit.accesslines import AccessLine, LoggedAccess
from selbox.audit.details import AccessDetails, details
from selbox.audit.events import EventFacts
from selbox.explain.answer import BooleanValue
from selbox.explain.loggedaccesses import UnknownName
from selbox.explain.loggedcauses import LoggedCause
from selbox.server.causes import CauseKind
from selbox.typing import Final, NamedTuple

_MOST_READ: Final = 500
"""Records of one cause that are read whole; of further ones the last says when it was."""
_MOST_SHOWN: Final = 5
"""Programs, and objects, of one cause that are named."""
_MOST_EXAMPLES: Final = 20
_MOST_NAMES: Final = 200
"""Programs, and objects, of one cause that are counted."""


class Named(NamedTuple):
    """A name, and in how many records it stands."""

    name: str
    times: int


class Denial(NamedTuple):
    """Denials that have one cause.

    Attributes:
        source: type.
        target: type; also where it is the source.
        object_class: name of the class.
        permissions: names, sorted.
        cause: what denies them; None where the policy that is asked does not know a name in them.
        unknown: the name that it does not know.
        booleans: for ``BOOLEAN`` those each of which alone would allow it, with the value that it would have to have.
        times: how many records.
        permissive: how many of the records that were read whole say that the denial was not enforced.
        first, last: when, in seconds since 1970; None where the log does not say so.
        programs: the programs' paths, or their command names, those first that are most often there.
        objects: paths or names of objects, ports or message members, likewise.
        line: of the first record, from 1.
        rule: what :class:`selbox.analysis.advice.Advisor` gives advice on.
    """

    source: str
    target: str
    object_class: str
    permissions: tuple[str, ...]
    cause: CauseKind | None
    unknown: str
    booleans: tuple[BooleanValue, ...]
    times: int
    permissive: int
    first: float | None
    last: float | None
    programs: tuple[Named, ...]
    objects: tuple[Named, ...]
    line: int
    rule: DeniedRule


class AdvisedDenial(NamedTuple):
    """A denial, and what to do about it."""

    denial: Denial
    advice: tuple[Advice, ...]


class _Group(RuleGroup):
    """What is collected for one cause, beyond what a rule takes."""

    __slots__ = ("last", "objects", "permissive", "programs")

    def __init__(self, source: str, target: str, line: AccessLine, cause: LoggedCause) -> None:
        super().__init__(source, target, line, cause)
        self.last = line
        self.permissive = 0
        self.programs: Counter[str] = Counter()
        self.objects: Counter[str] = Counter()

    def read(self, about: AccessDetails) -> None:
        """Take what a record says besides the access."""
        self.permissive += bool(about.permissive)
        program, name = about.program or about.command, object_name(about)
        for names, each in ((self.programs, program), (self.objects, name)):
            if each and (each in names or len(names) < _MOST_NAMES):
                names[each] += 1


class Denials:
    """Groups them; what it keeps grows with the causes, not with the log.

    Args:
        facts: tells what other records of an event say.

    Attributes:
        others: records of causes that were not kept, as there were too many.
    """

    def __init__(self, facts: Callable[[AccessLine], EventFacts]) -> None:
        self._facts = facts
        self._groups: dict[tuple[str, str, str, CauseKind | None, UnknownName | None], _Group] = {}
        self._of_access: dict[LoggedAccess, _Group] = {}
        self.others = 0

    def add(self, lines: Iterable[AccessLine], causes: Iterable[LoggedCause]) -> list[AccessLine]:
        """Add lines with what denies each access; what was granted is left out.

        Returns:
            The lines whose events' other records would be of use.
        """
        wanted: list[AccessLine] = []
        groups = self._of_access
        if len(groups) > MOST_KNOWN:
            groups.clear()
        for line, cause in zip(lines, causes, strict=True):
            group = groups.get(line.access) or self._group(line, cause)
            if group is None:
                continue
            group.times += 1
            group.last = line
            if group.times <= _MOST_READ:
                group.read(details(line.text))
                if len(group.examples) < _MOST_EXAMPLES:
                    group.examples += (line,)
                    wanted.append(line)
        return wanted

    def _group(self, line: AccessLine, cause: LoggedCause) -> _Group | None:
        access = line.access
        if access.granted:
            return None
        source, target = type_of(access.scontext), type_of(access.tcontext)
        key = source, target, access.tclass, cause.kind, cause.unknown
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= MOST_KNOWN:
                self.others += 1
                return None
            group = self._groups[key] = _Group(source, target, line, cause)
        self._of_access[access] = group
        group.join(access)
        return group

    def denials(self) -> list[Denial]:
        """Return the groups, those first that have most records, then in the order of the log."""
        return sorted(map(self._denial, self._groups.values()), key=lambda each: (-each.times, each.line))

    def _denial(self, group: _Group) -> Denial:
        rule = group.rule()
        objects, programs = self._named(group)
        return Denial(
            source=rule.source,
            target=group.target,
            object_class=rule.object_class,
            permissions=rule.permissions,
            cause=rule.kind,
            unknown=group.cause.unknown.word if group.cause.unknown is not None else "",
            booleans=group.cause.booleans,
            times=group.times,
            permissive=group.permissive,
            first=details(group.line.text).time,
            last=details(group.last.text).time,
            programs=programs,
            objects=objects,
            line=group.line.line,
            rule=rule,
        )

    def _named(self, group: _Group) -> tuple[tuple[Named, ...], tuple[Named, ...]]:
        """Return objects and programs, with whole paths where other records of the events have them."""
        objects, programs = group.objects.copy(), group.programs.copy()
        for each in group.examples:
            facts, about = self._facts(each), details(each.text)
            _lengthen(objects, object_name(about), facts.path)
            _lengthen(programs, about.program or about.command, facts.program)
        return _commonest(objects), _commonest(programs)


def _lengthen(names: Counter[str], short: str, whole: str) -> None:
    """Count under a whole path what has been counted under a part of it."""
    if whole and not short.startswith("/") and names[short]:
        names[whole] += names.pop(short)


def object_name(about: AccessDetails) -> str:
    """Return what a record calls the object: a path, a name, a port, or what a message is."""
    if about.path or about.name:
        return about.path or about.name
    fields = about.fields
    for field, words in (("dest", "port"), ("src", "port"), ("capability", "capability"), ("key", "key")):
        if fields.get(field, "").isdigit():
            return f"{words} {fields[field]}"
    member = ".".join(each for each in (fields.get("interface"), fields.get("member")) if each)
    return member or fields.get("service", "") or fields.get("property", "") or fields.get("cmdline", "")


def _commonest(names: Counter[str]) -> tuple[Named, ...]:
    ranked = sorted(names.items(), key=lambda each: (-each[1], each[0]))
    return tuple(Named(*each) for each in ranked[:_MOST_SHOWN])


def advised(denials: Sequence[Denial], advise: Callable[[DeniedRule], Iterable[Advice]]) -> list[AdvisedDenial]:
    """Return denials with the advice on each."""
    return [AdvisedDenial(each, tuple(advise(each.rule)) if each.cause is not None else ()) for each in denials]
