"""Makes audit records: gives them their time and number, and says who the object manager is."""

import os
from collections.abc import Mapping
from itertools import count
from time import time_ns

from selbox.audit.eventrecord import UNSET
from selbox.audit.fields import Stamp
from selbox.audit.userrecord import Sender, UserAvc, UserEvent, mode_change_noticed, own_fields, policy_load_noticed
from selbox.diagnostics import SelboxError
from selbox.userspace.contexts import current_context


class Recorder:
    """Makes the records of one object manager."""

    def __init__(self) -> None:
        self._serials = count(1)
        self._sender: Sender | None = None

    def access(
        self,
        granted: bool,
        permissions: tuple[str, ...],
        fields: Mapping[str, object],
        scontext: str,
        tcontext: str,
        tclass: str,
        permissive: bool,
    ) -> UserAvc:
        """Record an access; see :class:`UserAvc` for what is given.

        Raises:
            SelboxError: code ``audit-field-name``.
        """
        own = own_fields(fields)
        return UserAvc(self._stamp(), self._who(), granted, permissions, own, scontext, tcontext, tclass, permissive)

    def policy_load(self, seqno: int) -> UserEvent:
        """Record that another policy, or other values of booleans, are in force."""
        return policy_load_noticed(self._stamp(), self._who(), seqno)

    def mode_change(self, enforcing: bool) -> UserEvent:
        """Record that enforcing was switched on or off."""
        return mode_change_noticed(self._stamp(), self._who(), enforcing)

    def _stamp(self) -> Stamp:
        seconds, nanoseconds = divmod(time_ns(), 1_000_000_000)
        return Stamp(seconds, nanoseconds // 1_000_000, next(self._serials))

    def _who(self) -> Sender:
        sender = self._sender
        if sender is None or sender.pid != os.getpid():  # another process, after a fork
            sender = self._sender = _this_process()
        return sender


def _this_process() -> Sender:
    try:
        subject = current_context()
    except SelboxError:
        subject = ""
    try:
        exe = os.readlink("/proc/self/exe")
    except OSError:
        exe = ""
    return Sender(os.getpid(), os.getuid(), _number("loginuid"), _number("sessionid"), subject, exe)


def _number(name: str) -> int:
    try:
        with open(f"/proc/self/{name}", encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return UNSET
