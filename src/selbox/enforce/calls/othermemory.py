"""Looking into other processes: their memory, and what of theirs is the same.

What the kernel lets only a tracer do asks ``process ptrace``, what shows something asks ``file read`` of the task. The
supervisor does both in the caller's stead, to a task that it holds: a number that comes to mean another is of no use.

Source: the kernel's ``selinux_ptrace_access_check``, ``__ptrace_may_access``, ``process_vm_rw`` and ``kcmp``.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from contextlib import ExitStack

from selbox.enforce.answer import CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.linux import system_call
from selbox.enforce.pidnumbers import meant_by
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.targets import Targets, held
from selbox.enforce.taskaccess import TaskAccess
from selbox.typing import Final

_VECTOR = struct.Struct("=QQ")
_MOST_VECTORS: Final = 1024
_PIECE: Final = 1 << 20
"""Bytes that are moved at a time."""

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

    @staticmethod
    def _transfer(source: tuple[int, list[tuple[int, int]]], target: tuple[int, list[tuple[int, int]]]) -> int:
        """Copy between two tasks, as far as their pages let them; return how many bytes, and fail only if none."""
        moved = 0
        buffer = ctypes.create_string_buffer(_PIECE)
        own = ctypes.addressof(buffer)
        try:
            for here, there, size in _pieces(source[1], target[1]):
                read = _move("process_vm_readv", source[0], own, here, size)
                written = _move("process_vm_writev", target[0], own, there, read)
                moved += written
                if written < size:
                    break
        except OSError:
            if not moved:
                raise
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


def _move(name: str, tid: int, own: int, address: int, size: int) -> int:
    """Move bytes between a buffer of the supervisor's and a task's memory; return how many were."""
    vectors = _VECTOR.pack(own, size), _VECTOR.pack(address, size)
    return system_call(NUMBERS[name], tid, vectors[0], 1, vectors[1], 1, 0)


def _pieces(source: list[tuple[int, int]], target: list[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    """Return addresses in both lists of vectors, and how many bytes go from the one to the other."""
    sources = iter(source)
    here = left = 0
    for address, size in target:
        done = 0
        while done < size:
            while not left:
                here, left = next(sources, (0, -1))
            if left < 0:
                return
            step = min(left, size - done, _PIECE)
            yield here, address + done, step
            here, left, done = here + step, left - step, done + step
