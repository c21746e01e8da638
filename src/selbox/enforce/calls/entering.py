"""What a program does not inherit that runs in another domain than its caller.

Where policy does not grant ``noatsecure``, the program is told to distrust its environment (``AT_SECURE``), as a
set-user-id program is: the dynamic loader then heeds no ``LD_PRELOAD``. Without ``rlimitinh`` its soft limits are those
that the kernel's first task has, as far as the hard limits allow. Without ``siginh`` no signal is blocked, ignored or
waiting, and no timer of ``setitimer`` runs.

Source: the kernel's ``selinux_bprm_creds_for_exec``, ``selinux_bprm_committing_creds`` and
``selinux_bprm_committed_creds``.
"""

import ctypes
import errno
import resource
import struct
from array import array

from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.credentials import own_capabilities, real_ids_of
from selbox.enforce.injection import Injection
from selbox.enforce.linux import PTRACE_GETREGS, PTRACE_SETSIGMASK, ptrace, ptrace_into
from selbox.enforce.monitor import AccessDenied
from selbox.enforce.seccomp.parts.limits import RLIMIT_RTTIME
from selbox.enforce.tasks import ignored_signals, start_of_stack
from selbox.typing import Final

_AT_NULL, _AT_SECURE, _AT_SYSINFO_EHDR = 0, 23, 33
_AUXILIARY_SIZE: Final = 512
"""Bytes within which the auxiliary vector ends (kernel: ``AT_VECTOR_SIZE``, some 50 words)."""

_SETITIMER, _SIGACTION = 38, 13
"""Numbers of system calls that are made in a program's name."""

_TIMERS: Final = 3
_MAX_SIGNAL: Final = 64
_STACK_POINTER: Final = 19
"""Place of ``rsp`` in ``struct user_regs_struct``."""

_REGISTERS: Final = 27
_WORD: Final = 8
_CHUNK: Final = 4096
_MOST_WORDS: Final = 1 << 21
"""Words of arguments and environment that the kernel allows at most: a quarter of the largest stack, and some more."""

_INFINITY: Final = resource.RLIM_INFINITY
_FIRST_TASKS_LIMITS: Final = {
    resource.RLIMIT_STACK: 8 << 20,
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_NOFILE: 1024,
    resource.RLIMIT_MEMLOCK: 8 << 20,
    resource.RLIMIT_MSGQUEUE: 819200,
    resource.RLIMIT_NICE: 0,
    resource.RLIMIT_RTPRIO: 0,
}
"""Soft limits of the kernel's first task, where it has any (kernel: ``INIT_RLIMITS``)."""

_COUNTED: Final = (resource.RLIMIT_NPROC, resource.RLIMIT_SIGPENDING)
"""Limits that it has from the machine's size (kernel: ``fork_init``)."""

_COUNT: Final = 16
_NO_SIGNALS: Final = ctypes.create_string_buffer(_WORD)


class Entering:
    """Takes from a program what its new domain may not inherit."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._limits: dict[int, int] = {}

    def is_trusted(self, caller: Caller, sid: int) -> bool:
        """Tell whether a program in another domain may trust the environment that it gets (``noatsecure``)."""
        return self._grants(caller, sid, "noatsecure")

    def _grants(self, caller: Caller, sid: int, permission: str) -> bool:
        try:
            self._box.monitor.check(caller, sid, "process", (permission,), dict)
        except AccessDenied:
            return False
        return True

    def enter(self, caller: Caller, pid: int, sid: int, is_trusted: bool, *, is_held: bool) -> None:
        """Change a program before its first instruction.

        Args:
            caller: who ran it, as it was.
            pid: the task, held at the kernel's exec event.
            sid: its new domain.
            is_trusted: as :meth:`is_trusted` said.
            is_held: whether it is the supervisor who holds it. Signals of a task that another one
                holds cannot be reset.

        Raises:
            OSError: when it cannot be changed; it may not go on then.
        """
        if not is_trusted:
            self._distrust(pid, _stack_of_held(pid) if is_held else start_of_stack(pid))
        if not self._grants(caller, sid, "rlimitinh"):
            self._reset_limits(pid)
        if not self._grants(caller, sid, "siginh") and is_held:
            self._reset_signals(pid)

    def _distrust(self, pid: int, stack: int) -> None:
        """Set ``AT_SECURE`` in the auxiliary vector."""
        place = self._auxiliary_places(pid, stack).get(_AT_SECURE)
        if place is None:
            raise OSError(errno.EINVAL, "the program has no AT_SECURE")
        self._box.memory.write(pid, place, struct.pack("=Q", 1))

    def _auxiliary_places(self, pid: int, place: int) -> dict[int, int]:
        """Return where the values of the auxiliary vector lie on the new stack, behind arguments and environment."""
        (arguments,) = struct.unpack("=Q", self._box.memory.read_exactly(pid, place, _WORD))
        place = self._after_zero(pid, place + (arguments + 2) * _WORD)
        places: dict[int, int] = {}
        for kind, _ in struct.iter_unpack("=QQ", self._box.memory.read_exactly(pid, place, _AUXILIARY_SIZE)):
            if kind == _AT_NULL:
                break
            places[kind] = place + _WORD
            place += 2 * _WORD
        return places

    def _reset_signals(self, pid: int) -> None:
        """Have no signal blocked, ignored or waiting, and no timer running that would send one."""
        ptrace(PTRACE_SETSIGMASK, pid, _WORD, ctypes.addressof(_NO_SIGNALS))
        place = self._auxiliary_places(pid, _stack_of_held(pid)).get(_AT_SYSINFO_EHDR)
        if place is None:
            raise OSError(errno.EINVAL, "the program has no vDSO")
        (vdso,) = struct.unpack("=Q", self._box.memory.read_exactly(pid, place, _WORD))
        task = Injection(self._box.memory, pid, vdso)
        for timer in range(_TIMERS):
            task.call(_SETITIMER, timer, None, 0)
        ignored = ignored_signals(pid)
        for number in range(1, _MAX_SIGNAL + 1):
            if ignored >> (number - 1) & 1:
                task.call(_SIGACTION, number, None, 0, _WORD)
        task.finish()

    def _after_zero(self, pid: int, place: int) -> int:
        """Return the address of the word after the next zero word."""
        for _ in range(_MOST_WORDS * _WORD // _CHUNK):
            data = self._box.memory.read(pid, place, _CHUNK)
            words = array("Q", data[: len(data) // _WORD * _WORD])
            if 0 in words:
                return place + (words.index(0) + 1) * _WORD
            place += len(words) * _WORD
        raise OSError(errno.EINVAL, "the environment has no end")

    def _reset_limits(self, pid: int) -> None:
        with own_capabilities():
            try:
                self._lower(pid)
            except PermissionError:
                with real_ids_of(pid):
                    self._lower(pid)

    def _lower(self, pid: int) -> None:
        first = self._first_tasks_limits()
        for each in range(_COUNT):
            if each == RLIMIT_RTTIME:
                continue
            soft, hard = resource.prlimit(pid, each)
            new = first.get(each, _INFINITY)
            if hard != _INFINITY and (new == _INFINITY or new > hard):
                new = hard
            if new != soft:
                resource.prlimit(pid, each, (new, hard))

    def _first_tasks_limits(self) -> dict[int, int]:
        if not self._limits:
            with open("/proc/sys/kernel/threads-max", "rb") as number:
                half = int(number.read()) // 2
            self._limits = _FIRST_TASKS_LIMITS | dict.fromkeys(_COUNTED, half)
        return self._limits


def _stack_of_held(pid: int) -> int:
    """Return where the stack of a task begins that the supervisor holds."""
    registers = ctypes.create_string_buffer(_REGISTERS * _WORD)
    ptrace_into(PTRACE_GETREGS, pid, registers)
    return int(struct.unpack_from("=Q", registers.raw, _STACK_POINTER * _WORD)[0])
