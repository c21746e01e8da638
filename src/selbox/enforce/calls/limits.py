"""Resource limits, asked about and set by the supervisor on its own copy of them.

A supervisor without ``CAP_SYS_RESOURCE``, as a container's root, cannot set limits of a task with several user ids. Such
a task sets its own itself, once policy is asked.

Source: the kernel's ``do_prlimit``, ``check_prlimit_permission``, ``selinux_task_prlimit``,
``selinux_task_setrlimit`` and ``proc_pid_limits``. The limit that carries the label shows as unlimited and cannot be set.
"""

import ctypes
import errno
import os
import struct

from selbox.enforce.answer import CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.credentials import own_capabilities, read_ids, real_ids_of
from selbox.enforce.linux import system_call
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.parts.limits import RLIMIT_RTTIME
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.targets import Targets, held
from selbox.enforce.tasks import has_one_thread, read_proc
from selbox.typing import Final, NamedTuple

_INFINITY: Final = (1 << 64) - 1
_PAIR = struct.Struct("=QQ")
_COUNT: Final = 16
"""``RLIM_NLIMITS``."""
_SHOWN_TITLE: Final = 26
"""Characters of a row in ``/proc/PID/limits`` before the soft limit."""


class _Limit(NamedTuple):
    """A soft and a hard limit, as the kernel has them."""

    soft: int
    hard: int


_UNLIMITED: Final = _Limit(_INFINITY, _INFINITY)


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
        self._box.memory.write(caller.tid, arguments[1], _PAIR.pack(*_UNLIMITED))
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
            with held(tid, caller.tid):
                self._may_reach(caller, tid, bool(arguments[3]), new is not None)
                old = self._exchange(caller, tid, resource, new)
        if old is None:
            return CONTINUE
        if arguments[3]:
            self._box.memory.write(caller.tid, arguments[3], _PAIR.pack(*old))
        return 0

    def _read(self, caller: Caller, address: int) -> _Limit:
        return _Limit(*_PAIR.unpack(self._box.memory.read_exactly(caller.tid, address, _PAIR.size)))

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

    def _exchange(self, caller: Caller, tid: int, resource: int, new: _Limit | None) -> _Limit | None:
        """Return a task's limit, and set a new one where there is one; None where the caller has to do it itself.

        INVARIANT: every limit of the box is set here, so that none changes between the look at it and its change.
        """
        if resource >= _COUNT:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if new is not None and new.soft > new.hard:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if resource == RLIMIT_RTTIME:
            if new not in (None, _UNLIMITED):
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))
            return _UNLIMITED
        try:
            old = _limit(tid, resource, None)
        except PermissionError:
            old = _shown(tid, resource)
        if new is not None:
            if new.hard > old.hard and not self._capabilities.may_use(caller, "sys_resource"):
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))
            if new.hard != old.hard:
                self._targets.check(caller, tid, "setrlimit")
            try:
                _limit(tid, resource, new)
            except PermissionError:
                if tid != caller.tid:
                    raise
                if not has_one_thread(tid):  # another one could make it a change of the hard limit
                    self._targets.check(caller, tid, "setrlimit")
                return None
        return old


def _limit(tid: int, resource: int, new: _Limit | None) -> _Limit:
    """Do ``prlimit(2)`` with the supervisor's own rights."""
    buffer = ctypes.create_string_buffer(_PAIR.size)
    data = None if new is None else _PAIR.pack(*new)
    with own_capabilities():
        try:
            system_call(NUMBERS["prlimit64"], tid, resource, data, buffer)
        except PermissionError:
            with real_ids_of(tid):
                system_call(NUMBERS["prlimit64"], tid, resource, data, buffer)
    return _Limit(*_PAIR.unpack(buffer.raw))


def _shown(tid: int, resource: int) -> _Limit:
    """Return a task's limit as ``/proc`` shows it to everybody, whose rows are in the order of the numbers."""
    rows = read_proc(f"/proc/{tid}/limits").splitlines()
    if not rows:
        raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))
    soft, hard, *_ = rows[1 + resource][_SHOWN_TITLE:].split()
    return _Limit(*(_INFINITY if each == b"unlimited" else int(each) for each in (soft, hard)))
