"""Looking into other processes: their memory, and what of theirs is the same.

What the kernel lets only a tracer do asks ``process ptrace``, what shows something asks ``file read`` of the task. The
supervisor does both in the caller's stead, to a task that it holds: a number that comes to mean another is of no use.

Source: the kernel's ``selinux_ptrace_access_check``, ``__ptrace_may_access``, ``process_vm_rw`` and ``kcmp``.
"""

import ctypes
import errno
import os
import struct
from contextlib import ExitStack

from selbox.enforce.answer import CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.linux import system_call, write_memory
from selbox.enforce.pidnumbers import meant_by
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.targets import Targets, held
from selbox.enforce.taskaccess import TaskAccess
from selbox.typing import Final

_VECTOR = struct.Struct("=QQ")
_MOST_VECTORS: Final = 1024
_MOST_BYTES: Final = 1 << 20
"""Bytes that one call moves at most; a caller that wants more is told how many were, and asks again."""

_KCMP_TYPES: Final = 7
"""``KCMP_TYPES`` without ``KCMP_EPOLL_TFD``, whose argument lies in memory."""


class OtherMemoryCalls:
    """``process_vm_readv``, ``process_vm_writev``, ``kcmp`` and ``get_robust_list``."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._targets = Targets(box)
        self._access = TaskAccess(box)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls."""
        return {
            "process_vm_readv": lambda caller, given: self._move(caller, given, writes=False),
            "process_vm_writev": lambda caller, given: self._move(caller, given, writes=True),
            "kcmp": self.kcmp,
            "get_robust_list": self.get_robust_list,
        }

    # --- Memory -----------------------------------------------------------------------------------------------------

    def _move(self, caller: Caller, arguments: Arguments, *, writes: bool) -> int:
        """``process_vm_*(pid, local, count, remote, count, flags)``."""
        if arguments[5]:
            return -errno.EINVAL
        pid = signed(arguments[0])
        if pid > 0 and self._targets.is_own(caller, meant_by(caller, pid)):
            return CONTINUE
        local = self._vectors(caller, arguments[1], arguments[2])
        if not any(size for _, size in local):
            return 0
        remote = self._vectors(caller, arguments[3], arguments[4])
        if pid <= 0:
            return -errno.ESRCH
        tid = self._targets.named(caller, pid)
        if self._box.tasks.state_of(tid) is None:
            self._access.check(caller, tid, attaches=True)  # fails; who is outside is not even held
        with held(tid, caller):
            self._access.check(caller, tid, attaches=True)
            with own_capabilities():
                if writes:
                    return self._transfer((caller.tid, local), (tid, remote))
                return self._transfer((tid, remote), (caller.tid, local))

    def _vectors(self, caller: Caller, address: int, count: int) -> list[tuple[int, int]]:
        """Read addresses and sizes.

        Raises:
            OSError: EINVAL for too many or too large ones, EFAULT.
        """
        if count > _MOST_VECTORS:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        data = self._box.memory.read_exactly(caller.tid, address, count * _VECTOR.size)
        vectors = list(_VECTOR.iter_unpack(data))
        if any(size >> 63 for _, size in vectors):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return vectors

    def _transfer(self, source: tuple[int, list[tuple[int, int]]], target: tuple[int, list[tuple[int, int]]]) -> int:
        """Copy between two tasks; return how many bytes, and fail only when there are none."""
        moved = 0
        data = bytearray()
        try:
            for address, size in source[1]:
                wanted = min(size, _MOST_BYTES - len(data))
                part = self._box.memory.read(source[0], address, wanted) if wanted else b""
                data += part
                if len(part) < wanted:
                    break
        except OSError:
            if not data:
                raise
        for address, size in target[1]:
            part = bytes(data[moved : moved + size])
            if not part:
                break
            try:
                write_memory(target[0], address, part)
            except OSError:
                if not moved:
                    raise
                break
            moved += len(part)
        return moved

    # --- What shows something ---------------------------------------------------------------------------------------

    def kcmp(self, caller: Caller, arguments: Arguments) -> int:
        """``kcmp(first, second, type, index, index)``."""
        kind = signed(arguments[2])
        numbers = [signed(each) for each in arguments[:2]]
        if min(numbers) <= 0:
            return -errno.ESRCH
        tids = [self._targets.named(caller, each) for each in numbers]
        with ExitStack() as stack:
            for tid in sorted(set(tids) - {caller.tid}):
                stack.enter_context(held(tid, caller))
                if not self._targets.is_own(caller, tid):
                    self._access.check(caller, tid, attaches=False)
            if not 0 <= kind < _KCMP_TYPES:
                return -errno.EINVAL
            with own_capabilities():
                return system_call(NUMBERS["kcmp"], *tids, kind, *arguments[3:5])

    def get_robust_list(self, caller: Caller, arguments: Arguments) -> int:
        """``get_robust_list(tid, head, size)``."""
        number = signed(arguments[0])
        if number < 0:
            return -errno.ESRCH
        tid = self._targets.named(caller, number)
        if self._targets.is_own(caller, tid):
            return CONTINUE
        head, size = ctypes.create_string_buffer(8), ctypes.create_string_buffer(8)
        with held(tid, caller):
            self._access.check(caller, tid, attaches=False)
            with own_capabilities():
                system_call(NUMBERS["get_robust_list"], tid, head, size)
        self._box.memory.write(caller.tid, arguments[2], size.raw)
        self._box.memory.write(caller.tid, arguments[1], head.raw)
        return 0
