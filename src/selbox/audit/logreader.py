"""Whole logs, block by block: accesses, and what happened to the policy between them."""

import re
from collections.abc import Sequence
from operator import itemgetter

from selbox.audit.accesslines import MARK, AccessLine, is_decision, read_accesses
from selbox.audit.events import CompanionLine, companion_line
from selbox.audit.fields import KINDS, Field
from selbox.audit.logforms import WRAPPED, plain_line
from selbox.audit.ordinaryrecords import OrdinaryRecords
from selbox.typing import Final, NamedTuple

RELOADS: Final = frozenset({"MAC_POLICY_LOAD", "DAEMON_START", "SYSTEM_BOOT"})
"""Kinds of event after which another policy may be in force: it was loaded, or the system was started."""

RELOAD_WORDS: Final = (*sorted(RELOADS), "type=1")
"""Where none of these words is in a text, no line of it tells of one: kernels write numbers for names."""

_SHOWN: Final = 20
"""Lines that could not be read of which the text is kept."""
_EXCERPT: Final = 400
"""Characters of them that are."""

_OPERATIONS: Final = "security_(?:compute_sid|compute_av|validate_transition|bounded_transition)"
# Where none of these words is in a text, no line of it need be looked at.
_EVENT_WORDS: Final = ("MAC_", "SELINUX_ERR", "DAEMON_START", "SYSTEM_BOOT", "type=1", "security_")
_EVENT: Final = re.compile(
    r"\btype=(?P<kind>MAC_\w+|USER_MAC_\w+|SELINUX_ERR|DAEMON_START|SYSTEM_BOOT|14\d\d|1200|1127)\b(?P<rest>.*)"
    rf"|\b(?P<bare>{_OPERATIONS}: .*)"
)
_HEADER: Final = re.compile(r"\s(?:msg=)?audit\([^()]*\) ?: *")
_FIELD: Final = re.compile(r"\b([A-Za-z_-]+)=(\"[^\"]*\"|[^\s\"]\S*)")
_OLD_FORM: Final = re.compile(rf"(?P<op>{_OPERATIONS}): +(?:invalid context (?P<context>\S+) for )?")


class EventLine(NamedTuple):
    """A line that tells of the policy, its mode or its booleans, or of an error of the security server.

    Attributes:
        line: its number, from 1.
        text: the line, as in :class:`AccessLine`.
        kind: type of the record, such as ``MAC_POLICY_LOAD`` or ``SELINUX_ERR``.
        fields: what it says; ``op`` and ``invalid_context`` also where an old kernel wrote a sentence.
    """

    line: int
    text: str
    kind: str
    fields: tuple[Field, ...]

    def field(self, name: str) -> str | None:
        """Return the value of a field, or None."""
        return next((value for each, value in self.fields if each == name), None)


class BrokenLine(NamedTuple):
    """A line that tells of an access and does not say enough, by its number and the beginning of its text."""

    line: int
    text: str


Found = AccessLine | EventLine | CompanionLine
"""What is read from a log."""


class LogReader:
    """Reads logs; what it is given may be cut anywhere between two lines.

    Args:
        companions: whether other records of events are wanted too.

    Attributes:
        lines: how many have been read.
        accesses: how many told of an access.
        broken: how many told of one and could not be read.
        shown: the first of these.
    """

    def __init__(self, *, companions: bool = False) -> None:
        self._companions = companions
        self.lines = 0
        self.accesses = 0
        self.broken = 0
        self.shown: list[BrokenLine] = []
        self._ordinary = OrdinaryRecords()

    def read(self, block: str) -> list[Found]:
        """Return what the lines of a block tell of, in their order.

        Args:
            block: whole lines; the last one may lack its line end.
        """
        lines = block.split("\n")
        if not lines[-1]:
            lines.pop()
        first = self.lines + 1
        self.lines += len(lines)
        if WRAPPED in block:
            lines = [plain_line(each) if WRAPPED in each else each for each in lines]
        accesses, others = self._ordinary.read(lines, first)
        self.accesses += len(accesses)
        if not others:
            return list(accesses)
        found: list[Found] = [*accesses]
        text = "\n".join(line for _, line in others)
        if self._companions or any(each in text for each in _EVENT_WORDS):
            for number, line in others:
                found += self._read_accesses(number, line) or self._read_event(number, line)
        elif MARK in text:
            for number, line in others:
                found += self._read_accesses(number, line)
        if accesses:
            found.sort(key=itemgetter(0))
        return found

    def _read_accesses(self, number: int, line: str) -> Sequence[AccessLine]:
        start = line.find(MARK)
        if start < 0:
            return ()
        accesses = read_accesses(line, start)
        self.accesses += len(accesses)
        if not accesses and is_decision(line, start):
            self.broken += 1
            if len(self.shown) < _SHOWN:
                self.shown.append(BrokenLine(number, line[:_EXCERPT]))
        return [AccessLine(number, line, each) for each in accesses]

    def _read_event(self, number: int, line: str) -> Sequence[CompanionLine | EventLine]:
        event = (companion_line(number, line) if self._companions else None) or event_line(number, line)
        return () if event is None else (event,)


def event_line(number: int, line: str) -> EventLine | None:
    """Return what a line tells of other than an access; None for a line of no interest.

    Args:
        number: of the line.
        line: the line.
    """
    found = _EVENT.search(line)
    if found is None:
        return None
    if found["kind"] is None:
        return EventLine(number, line, "SELINUX_ERR", _fields(found["bare"]))
    kind = KINDS.get(found["kind"], found["kind"])
    header = _HEADER.match(found["rest"])
    if header is None or kind.isdigit():
        return None
    return EventLine(number, line, kind, _fields(found["rest"][header.end() :]))


def _fields(text: str) -> tuple[Field, ...]:
    fields = [(name, value.strip('"')) for name, value in _FIELD.findall(text)]
    old = _OLD_FORM.match(text)
    if old is not None:
        fields.insert(0, ("op", old["op"]))
        if old["context"] is not None:
            fields.insert(1, ("invalid_context", old["context"]))
    return tuple(fields)
