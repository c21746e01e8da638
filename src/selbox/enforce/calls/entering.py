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

from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.linux import PTRACE_SETSIGMASK, ptrace
from selbox.enforce.monitor import AccessDenied
from selbox.enforce.newprograms import AT_SECURE, NewProgram
from selbox.enforce.resourcelimits import COUNT, Limit, limit_of
from selbox.enforce.seccomp.parts.limits import RLIMIT_RTTIME
from selbox.enforce.tasks import INFINITY, ignored_signals
from selbox.typing import Final

_SIGACTION: Final = 13
"""Number of a system call that is made in a program's name."""

_TIMERS: Final = 3
_MAX_SIGNAL: Final = 64
_WORD: Final = 8

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

    def enter(self, caller: Caller, program: NewProgram, sid: int, is_trusted: bool) -> None:
        """Change a program before its first instruction.

        Args:
            caller: who ran it, as it was.
            program: at the kernel's exec event. Signals of one that another task than the supervisor holds cannot be
                reset.
            sid: its new domain.
            is_trusted: as :meth:`is_trusted` said.

        Raises:
            OSError: when it cannot be changed; it may not go on then.
        """
        if not is_trusted:
            self._box.memory.write(program.pid, program.auxiliary_place(AT_SECURE), struct.pack("=Q", 1))
        if not self._grants(caller, sid, "rlimitinh"):
            self._reset_limits(program)
        if not self._grants(caller, sid, "siginh") and program.is_held:
            self._reset_signals(program)

    def _reset_signals(self, program: NewProgram) -> None:
        """Have no signal blocked, ignored or waiting, and no timer running that would send one."""
        ptrace(PTRACE_SETSIGMASK, program.pid, _WORD, ctypes.addressof(_NO_SIGNALS))
        for timer in range(_TIMERS):
            program.stop_timer(timer)
        ignored = ignored_signals(program.pid)
        for number in range(1, _MAX_SIGNAL + 1):
            if ignored >> (number - 1) & 1:
                program.call(_SIGACTION, number, None, 0, _WORD)
        if ignored and ignored_signals(program.pid):  # a filter of its own may only pretend
            raise OSError(errno.EPERM, "signals stay ignored")

    def _reset_limits(self, program: NewProgram) -> None:
        first = self._first_tasks_limits()
        for each in range(COUNT):
            if each == RLIMIT_RTTIME:
                continue
            soft, hard = limit_of(program.pid, each)
            new = min(first.get(each, INFINITY), hard)
            if new != soft:
                program.set_limit(each, Limit(new, hard))

    def _first_tasks_limits(self) -> dict[int, int]:
        if not self._limits:
            with open("/proc/sys/kernel/threads-max", "rb") as number:
                half = int(number.read()) // 2
            self._limits = _FIRST_TASKS_LIMITS | dict.fromkeys(_COUNTED, half)
        return self._limits
