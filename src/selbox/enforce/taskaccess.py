"""Whether a task may look into another one, or take hold of it.

Source: the kernel's ``__ptrace_may_access``, ``cap_ptrace_access_check`` and ``selinux_ptrace_access_check``.
"""

import errno
import os

from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.credentials import permitted_capabilities, read_ids
from selbox.enforce.monitor import AccessDenied


class TaskAccess:
    """Decides about it."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._capabilities = Capabilities(box)

    def check(self, caller: Caller, tid: int, *, attaches: bool) -> None:
        """Check access to another task for a call that tells of every denial as EPERM.

        Args:
            caller: who asks.
            tid: the other task.
            attaches: whether it is what only a tracer may do. Nobody outside the box is open to that.

        Raises:
            OSError: EPERM.
        """
        try:
            if self.is_ordinary(caller, tid):
                if attaches:
                    self.check_attach(caller, tid)
                else:
                    for sid in (self._box.labels.task_sid(tid), *self._box.tasks.awaited_sids(tid)):
                        self._box.monitor.check(caller, sid, "file", ("read",), dict)
                return
        except AccessDenied:
            pass
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    def check_attach(self, caller: Caller, tid: int) -> None:
        """Check ``process ptrace``.

        Raises:
            AccessDenied: when policy denies it.
            OSError: EPERM for a task outside the box.
        """
        state = self._box.tasks.state_of(tid)
        sid = self._box.labels.outside_sid(tid) if state is None else state.sid
        for each in (sid, *self._box.tasks.awaited_sids(tid)):
            self._box.monitor.check(caller, each, "process", ("ptrace",), dict)
        if state is None:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    def is_ordinary(self, caller: Caller, tid: int) -> bool:
        """Tell whether ordinary permissions let a task look into another one."""
        own, other = read_ids(caller.tid), read_ids(tid)
        same = set(other.users[:3]) == {own.users[0]} and set(other.groups[:3]) == {own.groups[0]}
        if same and not permitted_capabilities(tid) & ~permitted_capabilities(caller.tid):
            return True
        return self._capabilities.may_use(caller, "sys_ptrace", own=True)
