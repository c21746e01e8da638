"""Resource limits of tasks, looked at and set with the supervisor's own rights.

Source: the kernel's ``do_prlimit``, ``check_prlimit_permission`` and ``proc_pid_limits``.
"""

import resource
import struct

from selbox.enforce.credentials import own_capabilities, real_ids_of
from selbox.enforce.linux import system_call
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.tasks import INFINITY, shown_limits
from selbox.typing import Final, NamedTuple

COUNT: Final = 16
"""``RLIM_NLIMITS``."""

_PAIR = struct.Struct("=QQ")


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

LARGEST_CORE: Final = 4095
"""Soft ``RLIMIT_CORE`` that programs of a box have at most: too little for the kernel to make a core file.

It makes them by itself, in place of what has their name where the program stands, and nobody is asked. What is piped to
a handler of the whole machine does not depend on the limit (kernel: ``coredump_file``, ``min_coredump``).
"""

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
        return Limit(*shown_limits(tid, number))
    return Limit(soft & INFINITY, hard & INFINITY)


def set_limit(tid: int, number: int, limit: Limit) -> None:
    """Set a task's limit; that of core files to :data:`LARGEST_CORE` at most.

    Raises:
        OSError: EPERM where only the task itself can, which is one with several user or group ids for a supervisor
            without ``CAP_SYS_RESOURCE``; ESRCH when it is gone.
    """
    if number == resource.RLIMIT_CORE:
        limit = limit._replace(soft=min(limit.soft, LARGEST_CORE))
    with own_capabilities():
        try:
            system_call(NUMBERS["prlimit64"], tid, number, limit.packed(), None)
        except PermissionError:
            with real_ids_of(tid):
                system_call(NUMBERS["prlimit64"], tid, number, limit.packed(), None)
