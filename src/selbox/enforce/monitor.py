"""The reference monitor: asks the access vector cache, records what is to be recorded, and refuses."""

import errno
import os
from collections.abc import Callable, Mapping
from functools import partial

from selbox.avc.cache import GRANTED, AccessVectorCache, Verdict
from selbox.enforce.caller import Caller
from selbox.server.decision import PERMISSIVE_FLAG, ExtendedBase
from selbox.server.securityserver import SecurityServer
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from selbox.enforce.overlaychecks import OverlayChecks

Fields = Mapping[str, object]
"""Fields of an audit record about the object, in the order in which they are written."""


_QUIET_KEPT: Final = 65536
_DENIED: Final = os.strerror(errno.EACCES)


class AccessDenied(PermissionError):  # noqa: N818 - named for what it tells, as PermissionError is
    """Policy denies an operation; it answers the call as EACCES."""

    def __init__(self) -> None:
        super().__init__(errno.EACCES, _DENIED)


class AccessEvent(NamedTuple):
    """A check that is to be recorded.

    Attributes:
        tid: the task that made the call.
        source: SID of the subject; target: SID of the object.
        object_class: class id.
        permissions: access vector to be recorded.
        granted: whether policy grants it (``auditallow``); otherwise it denies it.
        permissive: whether it was denied and goes on all the same.
        fields: what the record says about the object.
        command: what the task is called; empty for its present name.
    """

    tid: int
    source: int
    target: int
    object_class: int
    permissions: int
    granted: bool
    permissive: bool
    fields: Fields
    command: str = ""


class ReferenceMonitor:
    """Takes every decision of a box.

    Args:
        server: names and numbers, and whether it is enforcing.
        cache: the decisions.
        record: called with what is to be recorded, before the caller learns of a refusal.
    """

    def __init__(self, server: SecurityServer, cache: AccessVectorCache, record: Callable[[AccessEvent], None]) -> None:
        self.server = server
        self.cache = cache
        self._record = record
        self._vectors: dict[tuple[str, tuple[str, ...]], tuple[int, int]] = {}
        self._quiet: set[tuple[int, int, str, tuple[str, ...]]] = set()
        """Accesses of which it is known that they are granted with nothing to record."""
        self.layers: OverlayChecks | None = None
        """Makes the checks about files that may lie in overlays, once the box has mounted one."""
        self.hidden = 0
        """How many times something was denied that is not recorded, since the policy says so (``dontaudit``)."""
        self.generation = 0
        """Grows with every change after which an earlier verdict may not be relied on."""
        server.add_listener(self.invalidate)

    def invalidate(self) -> None:
        """Have nothing that was decided before be relied on: policy, mode or a directory's label changed."""
        self.generation += 1
        self._vectors = {}
        self._quiet.clear()

    def check(
        self,
        caller: Caller,
        target: int,
        object_class: str,
        permissions: tuple[str, ...],
        describe: Callable[[], Fields],
        source: int | None = None,
        told_by: str = "",
        alone: bool = False,
    ) -> bool:
        """Check permissions of a caller; return whether they were granted with nothing to record.

        Args:
            caller: the task; its SID is the subject.
            target: the object's SID.
            object_class: name of the class.
            permissions: names, all of which are needed.
            describe: called only for a record, for what it says about the object.
            source: another subject than the caller's present SID, such as the domain that it is about to enter.
            told_by: a permission without which denials are not recorded (``dontaudit``), for who only asks.
            alone: whether nobody else is asked about what lies beneath a file of an overlay.

        Raises:
            AccessDenied: when policy denies one of them and is enforced.
        """
        if self.layers is not None and not alone:
            check = partial(self.check, caller, target, object_class, permissions, describe, source, told_by, True)
            return self.layers.around(caller, object_class, permissions, describe, check)
        subject = caller.state.sid if source is None else source
        verdict = self.verdict(subject, target, object_class, permissions)
        if verdict is GRANTED:
            return True
        if verdict.audited and not (told_by and self._is_hushed(verdict, subject, target, object_class, told_by)):
            class_id, _ = self._vectors[object_class, permissions]
            self._tell(caller, subject, target, class_id, verdict, describe())
        elif not verdict.granted:
            self.hidden += 1
        if not verdict.granted:
            raise AccessDenied
        return False

    def check_extended(
        self,
        caller: Caller,
        target: int,
        object_class: str,
        permission: str,
        kind: ExtendedBase,
        number: int,
        describe: Callable[[], Fields],
    ) -> None:
        """Check a permission that extended rules may refine, for one number.

        Args:
            caller: the task; its SID is the subject.
            target: the object's SID.
            object_class: name of the class.
            permission: name of the base permission.
            kind: which it is.
            number: of 16 bits.
            describe: as for :meth:`check`.

        Raises:
            AccessDenied: when policy denies it and is enforced.
        """
        subject = caller.state.sid
        class_id, vector = self._numbers(object_class, (permission,))
        driver, low = number >> 8 & 0xFF, number & 0xFF
        verdict = self.cache.check_extended(subject, target, class_id, vector, kind, driver, low)
        if verdict.audited:
            self._tell(caller, subject, target, class_id, verdict, describe())
        elif not verdict.granted:
            self.hidden += 1
        if not verdict.granted:
            raise AccessDenied

    def _tell(self, caller: Caller, source: int, target: int, class_id: int, verdict: Verdict, fields: Fields) -> None:
        audited, granted, permissive = verdict.audited, not verdict.denied, verdict.permissive
        tid, command = caller.tid, caller.command
        self._record(AccessEvent(tid, source, target, class_id, audited, granted, permissive, fields, command))

    def _is_hushed(self, verdict: Verdict, source: int, target: int, object_class: str, told_by: str) -> bool:
        """Tell whether a denial is not recorded (kernel: ``auditdeny`` of ``avc_audit_required``)."""
        class_id, vector = self._numbers(object_class, (told_by,))
        decision = self.cache.compute_access(source, target, class_id)
        return bool(verdict.denied and vector and not vector & decision.auditdeny)

    def is_quiet(self, source: int, target: int, object_class: str, permissions: tuple[str, ...]) -> bool:
        """Tell whether permissions are granted with nothing to record, so far as the cache knows; it records nothing.

        False means nothing: :meth:`check` decides then.
        """
        access = (source, target, object_class, permissions)
        if access in self._quiet:
            return True
        class_id, vector = self._numbers(object_class, permissions)
        if not self.cache.is_quiet(source, target, class_id, vector):
            return False
        if len(self._quiet) >= _QUIET_KEPT:
            self._quiet.clear()
        self._quiet.add(access)
        return True

    def is_quiet_command(self, source: int, target: int, object_class: str) -> bool:
        """Tell whether any ``ioctl`` is granted with nothing to record, so far as the cache knows."""
        return self.cache.is_quiet(source, target, *self._numbers(object_class, ("ioctl",)), whole=True)

    def would_go_on(self, source: int, target: int, object_class: str, permissions: tuple[str, ...]) -> bool:
        """Tell whether :meth:`check` would let an access go on, recorded or not; it records and changes nothing."""
        class_id, vector = self._numbers(object_class, permissions)
        decision = self.cache.compute_access(source, target, class_id)
        is_enforced = self.server.enforcing and not decision.flags & PERMISSIVE_FLAG
        return not (is_enforced and vector & ~decision.allowed)

    def verdict(self, source: int, target: int, object_class: str, permissions: tuple[str, ...]) -> Verdict:
        """Return the cache's verdict, which is the caller's to record: what permissive mode lets pass is told once."""
        return self.cache.check(source, target, *self._numbers(object_class, permissions))

    def _numbers(self, object_class: str, permissions: tuple[str, ...]) -> tuple[int, int]:
        """Return the class id and the access vector of names."""
        numbers = self._vectors.get((object_class, permissions))
        if numbers is None:
            resolved = self.server.vector(object_class, permissions)
            numbers = self._vectors[object_class, permissions] = (resolved.object_class, resolved.vector)
        return numbers
