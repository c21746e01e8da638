"""Lines of logs that tell of a decision about access, in whatever dress.

They may come from auditd's log, the kernel's or the journal, from ``ausearch``, from Android's log, from
setroubleshoot, or from a userspace object manager. Of most logs a few accesses make up all lines, so that what is said
of an access is read once, and known again by the text that says it.
"""

import re
from collections.abc import Iterable, Iterator

from selbox.audit.fields import broken
from selbox.audit.logforms import WRAPPED, plain_line
from selbox.diagnostics import Diagnostic
from selbox.typing import Final, NamedTuple

MARK: Final = "avc: "
"""What every line that tells of an access has in it; other lines are not for :class:`AccessReader`."""

# Beside the contexts may stand the labels that they were read from, where the policy does not know these.
_RAW: Final = r"(?:[st]rawcon=\S+ +){0,2}"
_CLOSING: Final = re.compile(rf"scontext=(\S+) +{_RAW}tcontext=(\S+) +{_RAW}tclass=(\w+)")
_ANY_ORDER: Final = re.compile(r"\b(scontext|tcontext|tclass)=(\S+)")
_DECISION: Final = re.compile(r"\bavc: +(?:denied|granted) ")
_PERMISSION: Final = re.compile(r"\w+(?: +\w+)*", re.ASCII)
_COMMAND: Final = re.compile(r"\b(?:ioctlcmd=(?:0x)?(?P<ioctl>[0-9A-Fa-f]{1,8})|nl-msgtype=(?P<message>\d{1,10}))\b")
_LARGEST_COMMAND: Final = 0xFFFF
_REFINED: Final = frozenset({"ioctl", "nlmsg"})
"""Permissions that a number may go with."""

_MOST_KNOWN: Final = 1 << 18
"""Texts that are known again; when there are more, all are forgotten, so that memory is bounded."""


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


class AccessReader:
    """Reads the accesses that lines tell of."""

    def __init__(self) -> None:
        self._known: dict[str, LoggedAccess] = {}
        self._numbered: dict[tuple[LoggedAccess, int], LoggedAccess] = {}

    def read(self, line: str, start: int) -> LoggedAccess | None:
        """Return the access that a line tells of; None when it does not say enough, or tells of several.

        Args:
            line: the line.
            start: where in it :data:`MARK` stands first.
        """
        closed = line.find("}", start)
        # INVARIANT: names that somebody else chose hold no spaces in a record, so they cannot contain these fields.
        tail = line.rfind("scontext=")
        text = line[start:closed] + line[tail:]
        access = self._known.get(text)
        if access is None:
            access = self._read(line, start, closed, tail)
            if access is None:
                return None
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[text] = access
        if line.find(MARK, closed) >= 0 and _DECISION.search(line, closed):
            return None
        if _REFINED.isdisjoint(access.permissions):
            return access
        return self._with_number(access, line, closed)

    def read_several(self, line: str) -> list[LoggedAccess]:
        """Return the accesses of a line that :meth:`read` made nothing of: several may have run into one another."""
        marks = [each.start() for each in _DECISION.finditer(line)]
        if len(marks) < 2:
            return []
        pieces = (line[begin:end] for begin, end in zip(marks, (*marks[1:], len(line)), strict=True))
        found = (self.read(piece, 0) for piece in pieces)
        return [each for each in found if each is not None]

    def _with_number(self, access: LoggedAccess, line: str, closed: int) -> LoggedAccess:
        command = _COMMAND.search(line, closed)
        if command is None:
            return access
        number = int(command["ioctl"], 16) if command["ioctl"] else int(command["message"])
        if number > _LARGEST_COMMAND:
            return access  # extended rules are about 16 bits, and so is what the kernel records
        key = access, number
        numbered = self._numbered.get(key)
        if numbered is None:
            if len(self._numbered) >= _MOST_KNOWN:
                self._numbered.clear()
            numbered = self._numbered[key] = access._replace(number=number)
        return numbered

    def _read(self, line: str, start: int, closed: int, tail: int) -> LoggedAccess | None:
        opened = line.find("{", start)
        if closed < 0 or not start <= opened < closed or not _DECISION.match(line, start):
            return None
        named = line[opened + 1 : closed].strip(" ")
        contexts = _CLOSING.match(line, tail) if tail > closed else None
        parts = contexts.group(1, 2, 3) if contexts else _in_any_order(line, closed)
        if parts is None or not _PERMISSION.fullmatch(named):
            return None
        scontext, tcontext, tclass = parts
        return LoggedAccess("granted" in line[start:opened], tuple(named.split()), scontext, tcontext, tclass)


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
