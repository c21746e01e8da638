"""Performance events: counters and samples of tasks and processors.

The supervisor opens them on its own copy of what is asked for, in the caller's stead. Whether somebody may read an
event the kernel asks at each read, which nobody sees from outside: who may not gets an event that counts nothing. Of
tasks, only those of the box are measured; who watches a processor sees what all do on it.

Source: the kernel's ``perf_event_open``, ``perf_check_permission`` and ``selinux_perf_event_open``.
"""

import errno
import os
import struct

from selbox.enforce.answer import ANSWERED, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.credentials import own_credentials_held
from selbox.enforce.linux import system_call
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.targets import Targets, held
from selbox.enforce.taskaccess import TaskAccess
from selbox.typing import Final

_FIRST_SIZE: Final = 64
_MOST_SIZE: Final = 4096
_KIND_AND_SIZE = struct.Struct("=II")
_WORDS = struct.Struct("=IIQQQQQ")
"""Type, size, what is counted, period, kinds of samples, format of reads, flags."""

_SOFTWARE, _TRACEPOINT, _BREAKPOINT = 1, 2, 5
_DUMMY: Final = 9
_RAW, _PHYSICAL = 1 << 10, 1 << 19
_EXCLUDE_KERNEL, _NAMESPACES = 1 << 5, 1 << 28
_FLAGS: Final = 0x1 | 0x2 | 0x8
_CLOSE_ON_EXEC: Final = 0x8


class PerfEventCalls:
    """``perf_event_open``."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._capabilities = Capabilities(box)
        self._targets = Targets(box)
        self._access = TaskAccess(box)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls."""
        return {"perf_event_open": self.perf_event_open}

    def perf_event_open(self, caller: Caller, arguments: Arguments) -> int:
        """``perf_event_open(attributes, pid, processor, group, flags)``."""
        pid, processor, group = (signed(each) for each in arguments[1:4])
        flags = arguments[4]
        if flags & ~_FLAGS:
            return -errno.EPERM if flags == flags & (_FLAGS | 0x4) else -errno.EINVAL
        attributes = self._attributes(caller, arguments[0])
        self._may_open(caller, attributes)
        if pid == -1 and processor == -1:
            return -errno.EINVAL
        box = self._box
        if group != -1:
            group = box.descriptors.add(box.pidfds.copy(caller.tid, group))
        if pid == -1:
            self._may_watch(caller, 0, "cpu")
            opened = self._open(caller, attributes, -1, processor, group, flags)
        else:
            tid = self._targets.named(caller, pid)
            if tid == caller.tid:
                self._may_measure(caller, tid)
                opened = self._open(caller, attributes, tid, processor, group, flags)
            else:
                with held(tid, caller):
                    self._may_measure(caller, tid)
                    opened = self._open(caller, attributes, tid, processor, group, flags)
        box.listener.give_descriptor(caller.id, opened, os.O_CLOEXEC if flags & _CLOSE_ON_EXEC else 0)
        return ANSWERED

    def _attributes(self, caller: Caller, address: int) -> bytes:
        memory = self._box.memory
        _, size = _KIND_AND_SIZE.unpack(memory.read_exactly(caller.tid, address, _KIND_AND_SIZE.size))
        size = size or _FIRST_SIZE
        if not _FIRST_SIZE <= size <= _MOST_SIZE:
            raise OSError(errno.E2BIG, os.strerror(errno.E2BIG))
        data = memory.read_exactly(caller.tid, address, size)
        return data[:4] + struct.pack("=I", size) + data[8:]  # the size that was read, whatever it is by now

    def _check(self, caller: Caller, permission: str) -> None:
        self._box.monitor.check(caller, caller.state.sid, "perf_event", (permission,), dict)

    def _may_open(self, caller: Caller, attributes: bytes) -> None:
        """Check what the attributes ask for, in the order of the kernel.

        Raises:
            OSError: EACCES; ENOENT for what only the kernel's own PMUs count.
        """
        kind, _, _, _, samples, _, flags = _WORDS.unpack_from(attributes)
        self._check(caller, "open")
        if kind > _BREAKPOINT:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        if not flags & _EXCLUDE_KERNEL:
            self._may_watch(caller, 1, "kernel")
        if flags & _NAMESPACES and not self._is_capable(caller):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        if samples & _PHYSICAL:
            self._may_watch(caller, 1, "kernel")
        if kind == _TRACEPOINT and samples & _RAW:
            self._may_watch(caller, -1, "tracepoint")

    def _may_watch(self, caller: Caller, level: int, permission: str) -> None:
        """Check what the host's setting leaves to the privileged, and then policy."""
        with open("/proc/sys/kernel/perf_event_paranoid", "rb") as setting:
            is_for_all = int(setting.read()) <= level
        if not is_for_all and not self._is_capable(caller):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        self._check(caller, permission)

    def _is_capable(self, caller: Caller) -> bool:
        return any(self._capabilities.may_use(caller, each) for each in ("perfmon", "sys_admin"))

    def _may_measure(self, caller: Caller, tid: int) -> None:
        if self._box.tasks.state_of(tid) is None:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        if not self._is_capable(caller) and not self._targets.is_own(caller, tid):
            try:
                self._access.check(caller, tid, attaches=False)
            except PermissionError:
                raise OSError(errno.EACCES, os.strerror(errno.EACCES)) from None

    def _open(self, caller: Caller, attributes: bytes, pid: int, processor: int, group: int, flags: int) -> int:
        sid = caller.state.sid
        if not self._box.monitor.would_go_on(sid, sid, "perf_event", ("read",)):
            _, size, _, *others = _WORDS.unpack_from(attributes)
            attributes = _WORDS.pack(_SOFTWARE, size, _DUMMY, 0, 0, *others[2:]) + bytes(size - _WORDS.size)
        with own_credentials_held():
            opened = system_call(NUMBERS["perf_event_open"], attributes, pid, processor, group, flags | _CLOSE_ON_EXEC)
        return self._box.descriptors.add(opened)
