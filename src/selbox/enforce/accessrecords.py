"""From checks that are to be recorded to their records; imported with the first one.

A program that is denied something often is denied it again. What is the same each time is put together once.
"""

from collections.abc import Iterator

from selbox.audit.avcrecord import AvcRecord, format_record
from selbox.audit.fields import Stamp
from selbox.audit.summary import SummaryRow, Tally
from selbox.audit.userrecord import UserAvc, parse_user_avc
from selbox.diagnostics import SelboxError
from selbox.enforce.monitor import AccessEvent
from selbox.enforce.tasks import command_name, thread_group
from selbox.server.reasontext import denial_texts
from selbox.server.securityserver import SecurityServer
from selbox.typing import Final, NamedTuple

_KEPT: Final = 1024
_ALL: Final = 0xFFFFFFFF

_Access = tuple[int, int, int, int, bool]
"""Source, target, class, permissions, and whether it was granted."""


class _Words(NamedTuple):
    """What records of one access say of it each time.

    Attributes:
        permissions: names.
        scontext: of the source.
        tcontext: of the target.
        tclass: name of the class.
        reasons: why it was denied.
        raw_contexts: what contexts that the policy does not know were, as fields of the record.
    """

    permissions: tuple[str, ...]
    scontext: str
    tcontext: str
    tclass: str
    reasons: tuple[str, ...]
    raw_contexts: tuple[tuple[str, str], ...]


class AccessRecords:
    """Makes records of accesses, and counts those that were denied.

    Args:
        server: renders SIDs and permissions, and tells reasons.
    """

    def __init__(self, server: SecurityServer) -> None:
        self._server = server
        self._words: dict[_Access, _Words] = {}
        self._tally = Tally()
        server.add_listener(self._words.clear)

    def rows(self) -> tuple[SummaryRow, ...]:
        """Return the denials so far, counted."""
        return self._tally.rows()

    def make(self, event: AccessEvent, stamp: Stamp) -> tuple[AvcRecord, tuple[str, ...]]:
        """Return the record of an access, which is counted if it was denied, and the reasons for that."""
        access = (event.source, event.target, event.object_class, event.permissions, event.granted)
        words = self._words.get(access)
        if words is None:
            if len(self._words) >= _KEPT:
                self._words.clear()
            words = self._words[access] = self._words_for(*access)
        record = AvcRecord(
            stamp,
            event.granted,
            words.permissions,
            thread_group(event.tid),
            event.command or command_name(event.tid),
            tuple([(name, str(value)) for name, value in event.fields.items()]) + words.raw_contexts,
            words.scontext,
            words.tcontext,
            words.tclass,
            event.permissive,
        )
        if not event.granted:
            self._tally.add(record, words.reasons)
        return record, words.reasons

    def told(self, line: str, command: str) -> tuple[AvcRecord, tuple[str, ...]] | None:
        """Count a denial that an object manager of the box told the audit system of.

        Args:
            line: its record, a ``USER_AVC``.
            command: what the task is called that the object manager denied something, as far as it is known.

        Returns:
            The denial as one of the box's, and the reasons for it; None when the record says something else, or of
            something that the policy does not have.
        """
        try:
            told = parse_user_avc(line)
            reasons = () if told.granted else self._reasons(told)
        except SelboxError:
            return None
        if not reasons:
            return None
        record = AvcRecord(
            told.stamp,
            False,
            told.permissions,
            told.sender.pid,
            command,
            told.fields,
            told.scontext,
            told.tcontext,
            told.tclass,
            told.permissive,
        )
        self._tally.add(record, reasons)
        return record, reasons

    def _reasons(self, told: UserAvc) -> tuple[str, ...]:
        """Return why policy denies what was told; empty for what it grants, or has no names for.

        Raises:
            SelboxError: when a context is not valid.
        """
        server = self._server
        object_class = server.class_id(told.tclass)
        if object_class is None or not set(told.permissions) <= set(server.permission_names(object_class, _ALL)):
            return ()
        sids = server.context_to_sid(told.scontext), server.context_to_sid(told.tcontext)
        return denial_texts(server, *sids, *server.vector(told.tclass, told.permissions)[:2])

    def line(self, record: AvcRecord) -> str:
        """Return a record as auditd writes it, without a line end."""
        return format_record(record)

    def _words_for(self, source: int, target: int, object_class: int, permissions: int, granted: bool) -> _Words:
        server = self._server
        return _Words(
            server.permission_names(object_class, permissions),
            server.sid_to_context(source),
            server.sid_to_context(target),
            server.class_name(object_class),
            () if granted else denial_texts(server, source, target, object_class, permissions),
            tuple(self._raw_contexts(srawcon=source, trawcon=target)),
        )

    def _raw_contexts(self, **sids: int) -> Iterator[tuple[str, str]]:
        """Give the contexts that the policy does not know (kernel: ``security_sid_to_context_inval``)."""
        for name, sid in sids.items():
            raw = self._server.sid_to_context_force(sid)
            if raw != self._server.sid_to_context(sid):
                yield name, raw
