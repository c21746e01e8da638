"""Descriptors that stand for tasks, by which descriptors of theirs are copied."""

import errno
import os
from collections import OrderedDict

from selbox.enforce.linux import pidfd_getfd
from selbox.enforce.tasks import start_of_process, thread_group
from selbox.typing import Final

PIDFD_THREAD: Final = os.O_EXCL
"""The flag for a descriptor of a thread, which Linux has since 6.9."""
_KEPT: Final = 64


class Pidfds:
    """Pidfds of the tasks that asked last, kept from one call to the next.

    INVARIANT: as long as a task lives nobody else has its number, and a pidfd of one that died copies nothing. So one
    that copies a descriptor stands for the task that has the number now.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[int, int] = OrderedDict()
        self._started: dict[int, int] = {}

    def copy(self, tid: int, number: int) -> int:
        """Return the supervisor's own copy of a task's descriptor, which the caller closes.

        Raises:
            OSError: EBADF when the task has none; EPERM where the supervisor may not copy descriptors.
        """
        pidfd = self._kept.get(tid)
        if pidfd is not None:
            try:
                return pidfd_getfd(pidfd, number)
            except ProcessLookupError:  # it is that of an earlier task
                self._forget(tid)
        try:
            pidfd = os.pidfd_open(tid, PIDFD_THREAD)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return _copy_from_process(thread_group(tid), number)
        if len(self._kept) >= _KEPT:
            self._forget(next(iter(self._kept)))
        self._kept[tid] = pidfd
        return pidfd_getfd(pidfd, number)

    def status(self, tid: int, number: int) -> os.stat_result:
        """Return the status of what a task's descriptor is open on.

        Raises:
            OSError: as :meth:`copy`.
        """
        copy = self.copy(tid, number)
        try:
            return os.fstat(copy)
        finally:
            os.close(copy)

    def started(self, tid: int, pid: int) -> int:
        """Return when a process was started, in ticks since boot; 0 when it is gone.

        Args:
            tid: of its thread from which a descriptor was copied in this very call.
            pid: of the process.
        """
        if tid != pid:
            return start_of_process(pid)
        started = self._started.get(pid)
        if started is None:
            started = self._started[pid] = start_of_process(pid)
        return started

    def _forget(self, tid: int) -> None:
        os.close(self._kept.pop(tid))
        self._started.pop(tid, None)

    def close(self) -> None:
        """Drop everything."""
        for tid in list(self._kept):
            self._forget(tid)


def process_behind(descriptor: int) -> int | None:
    """Return the process that a descriptor of the supervisor's stands for; None for one of another kind.

    Raises:
        OSError: ESRCH when it is gone.
    """
    with open(f"/proc/self/fdinfo/{descriptor}", "rb") as information:
        for line in information:
            if line.startswith(b"Pid:"):
                if int(line[4:]) <= 0:
                    raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))
                return int(line[4:])
    return None


def _copy_from_process(pid: int, number: int) -> int:
    """Copy a descriptor where kernels, before 6.9, have pidfds of processes only, whatever becomes of their threads."""
    pidfd = os.pidfd_open(pid)
    try:
        return pidfd_getfd(pidfd, number)
    finally:
        os.close(pidfd)
