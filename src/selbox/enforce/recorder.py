"""Audit records of a box: written to the file that the user named, and counted for the summary."""

import os
from collections.abc import Callable
from time import time
from typing import IO, NamedTuple

from selbox.audit.avcrecord import AvcRecord, format_record
from selbox.enforce.monitor import AccessEvent
from selbox.enforce.tasks import command_name, thread_group
from selbox.server.securityserver import SecurityServer


class DenialKey(NamedTuple):
    """What makes two denials the same for the summary: subject, object, class and permissions, as in a rule."""

    source: int
    target: int
    object_class: int
    permissions: int
    permissive: bool


class Recorder:
    """Writes records and counts denials.

    Args:
        server: renders SIDs and permissions.
        write: takes each finished record, one line without its end; None when nobody wants them.
    """

    def __init__(self, server: SecurityServer, write: Callable[[str], None] | None) -> None:
        self._server = server
        self._write = write
        self._serial = 0
        self.denials: dict[DenialKey, int] = {}
        self.examples: dict[DenialKey, tuple[str, str]] = {}
        """For each denial the program and the object that it was first met with."""
        self.intruders: list[str] = []
        """Programs that were killed since another one ran than policy had decided about."""

    def record(self, event: AccessEvent) -> None:
        """Write a record and count it."""
        comm = command_name(event.tid)
        if not event.granted:
            key = DenialKey(event.source, event.target, event.object_class, event.permissions, event.permissive)
            self.denials[key] = self.denials.get(key, 0) + 1
            if key not in self.examples:
                self.examples[key] = comm, str(event.fields.get("path") or event.fields.get("name") or "")
        if self._write is None:
            return
        self._serial += 1
        server = self._server
        self._write(
            format_record(
                AvcRecord(
                    timestamp=time(),
                    serial=self._serial,
                    granted=event.granted,
                    permissions=server.permission_names(event.object_class, event.permissions),
                    pid=thread_group(event.tid),
                    comm=comm,
                    fields=tuple(event.fields.items()),
                    scontext=server.sid_to_context(event.source),
                    tcontext=server.sid_to_context(event.target),
                    tclass=server.class_name(event.object_class),
                    permissive=event.permissive,
                )
            )
        )

    def intruder(self, pid: int, path: str) -> None:
        """Note that a task was killed because the kernel ran another program than ``path``, which was decided about."""
        self.intruders.append(f"{path or 'a program'} (pid {pid})")


def open_audit_file(path: str) -> IO[str]:
    """Open the file for records to append to, a line at a time.

    Raises:
        OSError: when it cannot be.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    return os.fdopen(descriptor, "w", buffering=1, encoding="utf-8", errors="surrogateescape")
