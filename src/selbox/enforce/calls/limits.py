"""Resource limits, asked about and set by the supervisor on its own copy of them.

A supervisor without ``CAP_SYS_RESOURCE``, as a container's root, cannot set limits of a task with several user ids.
Such a task sets its own itself, once policy is asked.

Source: the kernel's ``do_prlimit``, ``check_prlimit_permission``, ``selinux_task_prlimit`` and
``selinux_task_setrlimit``. The limit that carries the label shows as unlimited and cannot be set.
"""

import errno
import os
from resource import RLIMIT_CORE

from selbox.enforce.answer import CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.credentials import read_ids
from selbox.enforce.registers import signed
from selbox.enforce.resourcelimits import COUNT, SIZE, UNLIMITED, Limit, limit_of, set_limit
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.parts.limits import RLIMIT_RTTIME
from selbox.enforce.sharing import is_alone
from selbox.enforce.targets import Targets, held


class LimitCalls:
    """``getrlimit``, ``setrlimit`` and ``prlimit64``."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._targets = Targets(box)
        self._capabilities = Capabilities(box)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls."""
        return {"getrlimit": self.getrlimit, "setrlimit": self.setrlimit, "prlimit64": self.prlimit}

    def getrlimit(self, caller: Caller, arguments: Arguments) -> int:
        """``getrlimit(RLIMIT_RTTIME, …)``."""
        self._box.memory.write(caller.tid, arguments[1], UNLIMITED.packed())
        return 0

    def setrlimit(self, caller: Caller, arguments: Arguments) -> int:
        """``setrlimit(resource, new)``."""
        new = self._read(caller, arguments[1])
        return CONTINUE if self._exchange(caller, caller.tid, arguments[0] & 0xFFFFFFFF, new) is None else 0

    def prlimit(self, caller: Caller, arguments: Arguments) -> int:
        """``prlimit64(pid, resource, new, old)``."""
        new = self._read(caller, arguments[2]) if arguments[2] else None
        resource = arguments[1] & 0xFFFFFFFF
        pid = signed(arguments[0])
        if pid < 0:
            return -errno.ESRCH
        tid = self._targets.named(caller, pid)
        if tid == caller.tid:
            old = self._exchange(caller, tid, resource, new)
        else:
            with held(tid, caller):
                self._may_reach(caller, tid, bool(arguments[3]), new is not None)
                old = self._exchange(caller, tid, resource, new)
        if old is None:
            return CONTINUE
        if arguments[3]:
            self._box.memory.write(caller.tid, arguments[3], old.packed())
        return 0

    def _read(self, caller: Caller, address: int) -> Limit:
        return Limit.unpacked(self._box.memory.read_exactly(caller.tid, address, SIZE))

    def _may_reach(self, caller: Caller, tid: int, reads: bool, writes: bool) -> None:
        """Check access to another task's limits.

        Raises:
            OSError: EPERM for another user's; EACCES.
        """
        own, other = read_ids(caller.tid), read_ids(tid)
        same = set(other.users[:3]) == {own.users[0]} and set(other.groups[:3]) == {own.groups[0]}
        if not same and not self._capabilities.may_use(caller, "sys_resource", own=True):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        permissions = [name for name, asked in (("setrlimit", writes), ("getrlimit", reads)) if asked]
        if permissions:
            self._targets.check(caller, tid, *permissions)

    def _exchange(self, caller: Caller, tid: int, resource: int, new: Limit | None) -> Limit | None:
        """Return a task's limit, and set a new one where there is one; None where the caller has to do it itself.

        INVARIANT: every limit of the box is set here, so that none changes between the look at it and its change.
        """
        if resource >= COUNT:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if new is not None and new.soft > new.hard:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if resource == RLIMIT_RTTIME:
            if new not in (None, UNLIMITED):
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))
            return UNLIMITED
        old = limit_of(tid, resource)
        if new is not None:
            if new.hard > old.hard and not self._capabilities.may_use(caller, "sys_resource"):
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))
            if new.hard != old.hard:
                self._targets.check(caller, tid, "setrlimit")
            try:
                set_limit(tid, resource, new)
            except PermissionError:
                if tid != caller.tid or resource == RLIMIT_CORE:
                    raise  # it could set itself another one than was read
                if not is_alone(caller):  # another one could make it a change of the hard limit
                    self._targets.check(caller, tid, "setrlimit")
                return None
        return old
