"""Lines of logs that tell of a decision about access, in whatever dress.

They may come from auditd's log, the kernel's or the journal, from ``ausearch``, from Android's log, from
setroubleshoot, or from a userspace object manager. Here every form is read, with care; most records of a long log have
the same one, which :mod:`selbox.audit.ordinaryrecords` reads in less time.
"""

import re
from collections.abc import Iterable, Iterator

from selbox.audit.fields import broken
from selbox.audit.logforms import WRAPPED, plain_line
from selbox.diagnostics import Diagnostic
from selbox.typing import Final, NamedTuple

MARK: Final = "avc: "
"""What every line that tells of an access has in it."""

# Beside the contexts may stand the labels that they were read from, where the policy does not know these.
_RAW: Final = r"(?:[st]rawcon=\S+ +){0,2}"
_CLOSING: Final = re.compile(rf"scontext=(\S+) +{_RAW}tcontext=(\S+) +{_RAW}tclass=(\w+)")
_ANY_ORDER: Final = re.compile(r"\b(scontext|tcontext|tclass)=(\S+)")
_DECISION: Final = re.compile(r"\bavc: +(?:denied|granted) ")
HEAD: Final = re.compile(r"avc: +(denied|granted) [^{]*\{ *(\w+(?: +\w+)*) *", re.ASCII)
_COMMAND: Final = re.compile(r"\b(?:ioctlcmd=(?:0x)?(?P<ioctl>[0-9A-Fa-f]{1,8})|nl-msgtype=(?P<message>\d{1,10}))\b")
_LARGEST_COMMAND: Final = 0xFFFF
REFINED: Final = frozenset({"ioctl", "nlmsg"})
"""Permissions that a number may go with."""

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


def read_accesses(line: str, start: int) -> list[LoggedAccess]:
    """Return the accesses that a line tells of: mostly one, several where records ran into one another.

    Args:
        line: the line; none when it does not say enough.
        start: where in it :data:`MARK` stands first.
    """
    access = _read(line, start)
    if access is not None:
        return [access]
    marks = [each.start() for each in _DECISION.finditer(line)]
    if len(marks) < 2:
        return []
    pieces = (line[begin:end] for begin, end in zip(marks, (*marks[1:], len(line)), strict=True))
    found = (_read(piece, 0) for piece in pieces)
    return [each for each in found if each is not None]


def _read(line: str, start: int) -> LoggedAccess | None:
    """Return the only access of a line."""
    closed = line.find("}", start)
    # INVARIANT: names that somebody else chose hold no spaces in a record, so they cannot contain these fields.
    tail = line.rfind("scontext=")
    if not start < closed < tail or closed - start + len(line) - tail > _LONGEST:
        return None
    head = HEAD.fullmatch(line, start, closed)
    parts = _parts(line, closed, tail)
    if head is None or parts is None or _DECISION.search(line, closed):
        return None
    access = LoggedAccess(head[1] == "granted", tuple(head[2].split()), *parts)
    return access if REFINED.isdisjoint(access.permissions) else numbered(access, line, closed)


def _parts(line: str, closed: int, tail: int) -> tuple[str, str, str] | None:
    """Return contexts and class, from wherever they stand: setroubleshoot sorts a record's fields by name."""
    closing = _CLOSING.match(line, tail)
    if closing is not None:
        return closing[1], closing[2], closing[3]
    found = dict(_ANY_ORDER.findall(line, closed))
    if len(found) < 3:
        return None
    return found["scontext"], found["tcontext"], found["tclass"].rstrip("'")


def numbered(access: LoggedAccess, line: str, closed: int) -> LoggedAccess:
    """Return an access with the extended permission that its record has.

    Args:
        access: to permissions that a number may go with.
        line: the record.
        closed: where in it the permissions end.
    """
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
    for number, whole in enumerate(lines, 1):
        line = plain_line(whole) if WRAPPED in whole else whole
        start = line.find(MARK)
        if start < 0:
            continue
        found = read_accesses(line, start)
        if not found and is_decision(line, start):
            warnings.append(broken_access(number, line))
        for each in found:
            yield AccessLine(number, line, each)


def broken_access(number: int, line: str) -> Diagnostic:
    """Return what is told of a line that does not say enough of an access."""
    (fault,) = broken("audit-fields", f"line {number} lacks permissions, contexts or class", line).diagnostics
    return fault
