"""Lines of logs that tell of a decision about access, in whatever dress.

They may come from auditd's log, the kernel's or the journal, from ``ausearch``, from Android's log, from
setroubleshoot, or from a userspace object manager. Of most logs a few accesses make up all lines, so that what is said
of an access is known again by its text; and where all differ, few words make them up, so that each is read once.
"""

import re
from collections.abc import Iterable, Iterator

from selbox.audit.fields import broken
from selbox.audit.logforms import WRAPPED, plain_line
from selbox.diagnostics import Diagnostic
from selbox.typing import Final, NamedTuple, TypeVar

_T = TypeVar("_T")

MARK: Final = "avc: "
"""What every line that tells of an access has in it; other lines are not for :class:`AccessReader`."""

# Beside the contexts may stand the labels that they were read from, where the policy does not know these.
_RAW: Final = r"(?:[st]rawcon=\S+ +){0,2}"
_CLOSING: Final = re.compile(rf"scontext=(\S+) +{_RAW}tcontext=(\S+) +{_RAW}tclass=(\w+)")
_ANY_ORDER: Final = re.compile(r"\b(scontext|tcontext|tclass)=(\S+)")
_DECISION: Final = re.compile(r"\bavc: +(?:denied|granted) ")
_HEAD: Final = re.compile(r"avc: +(?:denied|granted) [^{]*\{ *(\w+(?: +\w+)*) *", re.ASCII)
_COMMAND: Final = re.compile(r"\b(?:ioctlcmd=(?:0x)?(?P<ioctl>[0-9A-Fa-f]{1,8})|nl-msgtype=(?P<message>\d{1,10}))\b")
_LARGEST_COMMAND: Final = 0xFFFF
_REFINED: Final = frozenset({"ioctl", "nlmsg"})
"""Permissions that a number may go with."""

_MOST_KNOWN: Final = 1 << 16
"""Words of one kind that are known again; when there are more, all are forgotten, so that memory is bounded."""
_MOST_TEXTS: Final = 1 << 14
"""Texts of accesses that are, likewise."""
_LONGEST_KNOWN: Final = 1 << 10
"""Characters of what is known again."""
_LONGEST: Final = 1 << 14
"""Characters that say of an access what it is: the kernel's whole records have half as many at most."""


class LoggedAccess(NamedTuple):
    """An access that records tell of.

    Attributes:
        granted: whether it was granted.
        permissions: names; at least one.
        scontext: context of the source.
        tcontext: context of the target.
        tclass: class of the target.
        number: the extended permission, such as the ``ioctl`` command, where the record has one.
    """

    granted: bool
    permissions: tuple[str, ...]
    scontext: str
    tcontext: str
    tclass: str
    number: int | None = None


class AccessLine(NamedTuple):
    """A line that tells of an access.

    Attributes:
        line: its number, from 1.
        text: the line; of one that a journal had wrapped, what was in it.
        access: the access.
    """

    line: int
    text: str
    access: LoggedAccess


class _Decision(NamedTuple):
    """What a record says up to its permissions."""

    granted: bool
    permissions: tuple[str, ...]


class AccessReader:
    """Reads the accesses that lines tell of."""

    def __init__(self) -> None:
        self._known: dict[str, LoggedAccess] = {}
        self._decisions: dict[str, _Decision] = {}
        # By the words that give them, such as `tclass=file`.
        self._sources: dict[str, str] = {}
        self._targets: dict[str, str] = {}
        self._classes: dict[str, str] = {}

    def read(self, line: str, start: int) -> LoggedAccess | None:
        """Return the access that a line tells of; None when it does not say enough, or tells of several.

        Args:
            line: the line.
            start: where in it :data:`MARK` stands first.
        """
        closed = line.find("}", start)
        # INVARIANT: names that somebody else chose hold no spaces in a record, so they cannot contain these fields.
        tail = line.rfind("scontext=")
        if not start < closed < tail:
            return None
        text = line[start:closed] + line[tail:]
        access = self._known.get(text)
        if access is None:
            if len(text) > _LONGEST:
                return None
            access = self._read(line, start, closed, tail)
            if access is None:
                return None
            _keep(self._known, text, access, _MOST_TEXTS)
        if line.find(MARK, closed) >= 0 and _DECISION.search(line, closed):
            return None
        return access if _REFINED.isdisjoint(access.permissions) else _numbered(access, line, closed)

    def read_several(self, line: str) -> list[LoggedAccess]:
        """Return the accesses of a line that :meth:`read` made nothing of: several may have run into one another."""
        marks = [each.start() for each in _DECISION.finditer(line)]
        if len(marks) < 2:
            return []
        pieces = (line[begin:end] for begin, end in zip(marks, (*marks[1:], len(line)), strict=True))
        found = (self.read(piece, 0) for piece in pieces)
        return [each for each in found if each is not None]

    def _read(self, line: str, start: int, closed: int, tail: int) -> LoggedAccess | None:
        head = line[start:closed]
        decision = self._decisions.get(head) or self._decision(head)
        if decision is None:
            return None
        try:
            source, target, object_class = line[tail:].split(" ", 3)[:3]
            parts = self._sources[source], self._targets[target], self._classes[object_class]
        except (KeyError, ValueError):
            found = self._parts(line, closed, tail)
            if found is None:
                return None
            parts = found
        return LoggedAccess(*decision, *parts)

    def _decision(self, head: str) -> _Decision | None:
        found = _HEAD.fullmatch(head)
        if found is None:
            return None
        decision = _Decision("granted" in head[: found.start(1)], tuple(found[1].split()))
        return _keep(self._decisions, head, decision)

    def _parts(self, line: str, closed: int, tail: int) -> tuple[str, str, str] | None:
        """Return contexts and class, and know them again where they stand as the kernel writes them."""
        closing = _CLOSING.match(line, tail)
        if closing is None:
            return _in_any_order(line, closed)
        source, target, object_class = closing.group(1, 2, 3)
        return (
            _keep(self._sources, f"scontext={source}", source),
            _keep(self._targets, f"tcontext={target}", target),
            _keep(self._classes, f"tclass={object_class}", object_class),
        )


def _keep(known: dict[str, _T], text: str, value: _T, most: int = _MOST_KNOWN) -> _T:
    """Return what is known of a text already, or from now on."""
    if len(text) > _LONGEST_KNOWN:
        return value
    if len(known) >= most:
        known.clear()
    return known.setdefault(text, value)


def _numbered(access: LoggedAccess, line: str, closed: int) -> LoggedAccess:
    """Return an access with the extended permission that its record has."""
    command = _COMMAND.search(line, closed)
    if command is None:
        return access
    number = int(command["ioctl"], 16) if command["ioctl"] else int(command["message"])
    if number > _LARGEST_COMMAND:
        return access  # extended rules are about 16 bits, and so is what the kernel records
    return access._replace(number=number)


def is_decision(line: str, start: int) -> bool:
    """Tell whether a line that has :data:`MARK` at a place tells of an access, and not of a policy that was loaded."""
    return _DECISION.search(line, start) is not None


def logged_accesses(lines: Iterable[str], warnings: list[Diagnostic]) -> Iterator[AccessLine]:
    """Read the decisions in a log; lines that tell of something else are passed over.

    Args:
        lines: of the log.
        warnings: takes a diagnostic for each record of a decision that is broken.
    """
    reader = AccessReader()
    for number, whole in enumerate(lines, 1):
        line = plain_line(whole) if WRAPPED in whole else whole
        start = line.find(MARK)
        if start < 0:
            continue
        access = reader.read(line, start)
        found = [access] if access is not None else reader.read_several(line)
        if not found and is_decision(line, start):
            warnings.append(broken_access(number, line))
        for each in found:
            yield AccessLine(number, line, each)


def broken_access(number: int, line: str) -> Diagnostic:
    """Return what is told of a line that does not say enough of an access."""
    (fault,) = broken("audit-fields", f"line {number} lacks permissions, contexts or class", line).diagnostics
    return fault


def _in_any_order(line: str, closed: int) -> tuple[str, str, str] | None:
    """Return contexts and class from wherever they stand: setroubleshoot sorts a record's fields by name."""
    found = dict(_ANY_ORDER.findall(line, closed))
    if len(found) < 3:
        return None
    return found["scontext"], found["tcontext"], found["tclass"].rstrip("'")
