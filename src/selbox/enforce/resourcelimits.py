"""Resource limits of tasks, looked at and set with the supervisor's own rights.

Source: the kernel's ``do_prlimit``, ``check_prlimit_permission`` and ``proc_pid_limits``.
"""

import errno
import os
import resource
import struct

from selbox.enforce.credentials import own_capabilities, real_ids_of
from selbox.enforce.linux import system_call
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.tasks import read_proc
from selbox.typing import Final, NamedTuple

INFINITY: Final = (1 << 64) - 1
COUNT: Final = 16
"""``RLIM_NLIMITS``."""

_PAIR = struct.Struct("=QQ")
_SHOWN_TITLE: Final = 26
"""Characters of a row in ``/proc/PID/limits`` before the soft limit."""


class Limit(NamedTuple):
    """A soft and a hard limit, as the kernel has them."""

    soft: int
    hard: int

    @classmethod
    def unpacked(cls, data: bytes) -> "Limit":
        """Return one that is a ``struct rlimit``."""
        return cls(*_PAIR.unpack(data))

    def packed(self) -> bytes:
        """Return it as a ``struct rlimit``."""
        return _PAIR.pack(*self)


UNLIMITED: Final = Limit(INFINITY, INFINITY)
SIZE: Final = _PAIR.size


def limit_of(tid: int, number: int) -> Limit:
    """Return a task's limit.

    Raises:
        OSError: ESRCH when it is gone.
    """
    try:
        with own_capabilities():
            soft, hard = resource.prlimit(tid, number)  # a tenth of what the call takes by ctypes
    except PermissionError:
        return _shown(tid, number)
    return Limit(soft & INFINITY, hard & INFINITY)


def set_limit(tid: int, number: int, limit: Limit) -> None:
    """Set a task's limit.

    Raises:
        OSError: EPERM where only the task itself can, which is one with several user or group ids for a supervisor
            without ``CAP_SYS_RESOURCE``; ESRCH when it is gone.
    """
    with own_capabilities():
        try:
            system_call(NUMBERS["prlimit64"], tid, number, limit.packed(), None)
        except PermissionError:
            with real_ids_of(tid):
                system_call(NUMBERS["prlimit64"], tid, number, limit.packed(), None)


def _shown(tid: int, number: int) -> Limit:
    """Return a task's limit as ``/proc`` shows it to everybody, whose rows are in the order of the numbers."""
    rows = read_proc(f"/proc/{tid}/limits").splitlines()
    if not rows:
        raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))
    soft, hard, *_ = rows[1 + number][_SHOWN_TITLE:].split()
    return Limit(*(INFINITY if each == b"unlimited" else int(each) for each in (soft, hard)))
