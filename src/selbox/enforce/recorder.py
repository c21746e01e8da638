"""Audit records of a box: written to the file that the user named, and counted for the summary."""

import os
from collections import deque
from collections.abc import Callable
from time import time_ns

from selbox.diagnostics import SelboxError
from selbox.enforce.monitor import AccessEvent
from selbox.server.securityserver import SecurityServer
from selbox.store.pathpattern import PATTERN_CODE
from selbox.typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from selbox.audit.avcrecord import AvcRecord
    from selbox.audit.fields import Stamp
    from selbox.audit.summary import SummaryRow
    from selbox.enforce.accessrecords import AccessRecords
    from selbox.enforce.callrecords import CallRecords
    from selbox.server.report import Report

_KEPT: Final = 64


class Denial(NamedTuple):
    """A denial, as it is told to who watches.

    Attributes:
        record: the record of it.
        reasons: what policy says or lacks.
    """

    record: "AvcRecord"
    reasons: tuple[str, ...]

    def values(self) -> dict[str, Any]:
        """Return all of it by name, as JSON has it; ``time`` is in seconds since 1970."""
        values = self.record._asdict()
        stamp = values.pop("stamp")
        del values["granted"]
        fields = dict(values.pop("fields"))
        time = stamp.seconds + stamp.milliseconds / 1000
        return {"time": time, "serial": stamp.serial, **values, "fields": fields, "reasons": self.reasons}


class Recorder:
    """Writes records and counts denials.

    What makes records is imported with the first one: a box in which nothing is denied starts without it.

    Args:
        server: renders SIDs and permissions.
        write: takes each finished record, one line without its end; None when nobody wants them.
    """

    def __init__(self, server: SecurityServer, write: Callable[[str], None] | None) -> None:
        self._server = server
        self._write = write
        self._serial = 0
        self._stamp: type[Stamp] | None = None
        self._lost = 0
        self._why_lost = ""
        self._accesses: AccessRecords | None = None
        self.calls: CallRecords | None = None
        """Tells of the calls in which something was recorded; None where nobody wants that."""
        self.last: deque[Denial] = deque(maxlen=_KEPT)
        """The last denials, oldest first."""
        self.watchers: list[Callable[[Denial], None]] = []
        """Called with each denial. INVARIANT: they neither wait nor fail."""
        self.intruders: list[str] = []
        """Programs that were killed since another one ran than policy had decided about."""
        self.hindrances: dict[str, None] = {}
        """What the machine refuses to the supervisor, so that calls failed; in the order in which it was met."""
        self.broken_labels: dict[str, SelboxError] = {}
        """What was wrong with file contexts, so that calls failed, by its words."""
        self.faults: dict[str, int] = {}
        """Errors of selbox itself, with how often each was met; the calls failed with EIO."""

    def denials(self) -> "tuple[SummaryRow, ...]":
        """Return the denials so far, counted."""
        return () if self._accesses is None else self._accesses.rows()

    def stamp(self, tid: int = 0) -> "Stamp":
        """Return the time and number of the next record.

        Args:
            tid: the task whose call is the cause of the record, if one is. All that is recorded while a call is
                handled is one event, where the calls are told of.
        """
        calls = self.calls
        if calls is None or not tid or tid != calls.caller:
            return self._next_stamp()
        if calls.stamp is None:
            return calls.begin(self._next_stamp())
        return calls.stamp

    def _calling(self) -> int:
        """Return the task whose call is being handled, or 0."""
        return 0 if self.calls is None else self.calls.caller

    def _next_stamp(self) -> "Stamp":
        if self._stamp is None:
            from selbox.audit.fields import Stamp

            self._stamp = Stamp
        self._serial += 1
        seconds, nanoseconds = divmod(time_ns(), 1_000_000_000)
        return self._stamp(seconds, nanoseconds // 1_000_000, self._serial)

    def write(self, line: str) -> None:
        """Write a finished record, if anybody wants it; one that cannot be written is lost, and counted."""
        if self._write is None:
            return
        try:
            self._write(line)
        except OSError as error:
            self._lost += 1
            self._why_lost = error.strerror or str(error)

    def losses(self) -> tuple[str, ...]:
        """Return what is to be told of records that could not be written; empty where all could."""
        if not self._lost:
            return ()
        return (f"{self._lost} audit records could not be written ({self._why_lost}); the decisions stand",)

    def record(self, event: AccessEvent) -> None:
        """Write a record of an access, and count it when it was denied."""
        accesses = self._records()
        record, reasons = accesses.make(event, self.stamp(event.tid))
        if not event.granted:
            self._show(Denial(record, reasons))
        if self._write is not None:
            self.write(accesses.line(record))

    def user_avc(self, line: str, command: str) -> None:
        """Write a record that an object manager of the box made, and count what it denied.

        Args:
            line: the record.
            command: what the task is called whose access it tells of; empty where that is not known.
        """
        told = self._records().told(line, command)
        if told is not None:
            self._show(Denial(*told))
        self.write(line)

    def _records(self) -> "AccessRecords":
        if self._accesses is None:
            from selbox.enforce.accessrecords import AccessRecords

            self._accesses = AccessRecords(self._server)
        return self._accesses

    def _show(self, denial: Denial) -> None:
        self.last.append(denial)
        for watcher in self.watchers:
            watcher(denial)

    def report(self, report: "Report") -> None:
        """Write a record of what the security server tells of."""
        if self._write is None:
            return
        from selbox.audit.eventrecord import bounds_exceeded, format_event, invalid_computed_context
        from selbox.server.report import BoundsExceeded

        stamp = self.stamp(self._calling())
        if isinstance(report, BoundsExceeded):
            record = bounds_exceeded(stamp, *report)
        else:
            contexts = report.invalid_context, report.source, report.target
            record = invalid_computed_context(stamp, *contexts, report.object_class)
        self.write(format_event(record))

    def refused_transition(self, old: int, new: int) -> None:
        """Write a record of a transition that is refused since the new domain is not bounded by the old one."""
        if self._write is None:
            return
        from selbox.audit.eventrecord import bounded_transition_denied, format_event

        contexts = self._server.sid_to_context(old), self._server.sid_to_context(new)
        self.write(format_event(bounded_transition_denied(self.stamp(self._calling()), *contexts)))

    def undecided(self, error: SelboxError) -> None:
        """Note that a call failed since a file context that would label a file cannot be read."""
        if any(each.code == PATTERN_CODE for each in error.diagnostics):
            self.broken_labels.setdefault(str(error), error)

    def intruder(self, pid: int, path: str) -> None:
        """Note that a task was killed because the kernel ran another program than ``path``, which was decided about."""
        self.intruders.append(f"{path or 'a program'} (pid {pid})")

    def fault(self, what: str, error: Exception) -> None:
        """Note that what was to be done, such as answering a system call, failed by a fault of selbox itself."""
        last = error.__traceback__
        while last is not None and last.tb_next is not None:
            last = last.tb_next
        place = f" ({os.path.basename(last.tb_frame.f_code.co_filename)}:{last.tb_lineno})" if last else ""
        words = f"{what}: {type(error).__name__}: {error}{place}"
        self.faults[words] = self.faults.get(words, 0) + 1
