"""Reading the memory of stopped tasks."""

import errno
import os
import resource
from collections import OrderedDict
from time import monotonic

from selbox.enforce.credentials import own_capabilities
from selbox.enforce.linux import write_memory
from selbox.enforce.tasks import read_proc
from selbox.typing import Final

_PATH_MAX: Final = 4096
_MOST_PATHS: Final = 256
"""What is read first of a string: nearly all are shorter, and a page takes twice the time."""
_CACHED: Final = 256
_KEPT_SECONDS: Final = 0.02
_NUMBERS_EACH: Final = 3
_ENOUGH_NUMBERS: Final = 8192
"""Free numbers of tasks, more than are given out in :data:`_KEPT_SECONDS`."""


def are_numbers_scarce() -> bool:
    """Tell whether the numbers of tasks that are free may go round in :data:`_KEPT_SECONDS`.

    Who holds most of them, by tasks that wait, has the next tasks get the few others again and again. A task takes up
    to three: its own, and those of a session and a process group whose leaders have ended.
    """
    try:
        tasks = int(read_proc("/proc/loadavg").split()[3].partition(b"/")[2])
        return int(read_proc("/proc/sys/kernel/pid_max")) - _NUMBERS_EACH * tasks < _ENOUGH_NUMBERS
    except (ValueError, IndexError):  # where /proc does not tell
        return True


class TaskMemory:
    """Reads memory through kept ``/proc/TID/mem`` descriptors, the cheapest way there is.

    INVARIANT: such a descriptor belongs to the memory that the task had when it was opened, so :meth:`forget` is
    called before a task may exec; a read of nothing means that the memory is gone, and it is opened anew. A thread
    id whose memory lives on in other threads may come to name another task, though not before all that are free went
    round: so everything is dropped before so many threads can have been started, and nothing kept where few are free.
    """

    def __init__(self) -> None:
        self._descriptors: OrderedDict[int, int] = OrderedDict()
        self._until = 0.0
        self.keeps = False
        """Whether numbers of tasks are plenty, so that what is known of one holds for a while."""
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._most = _CACHED if limit == resource.RLIM_INFINITY else min(_CACHED, limit // 4)

    def numbers_last(self) -> bool:
        """Tell whether a number of a task stands for no other one in the next moment, as was seen a moment ago."""
        return self.keeps and monotonic() <= self._until

    def forget(self, tid: int) -> None:
        """Drop what is kept of a task."""
        descriptor = self._descriptors.pop(tid, None)
        if descriptor is not None:
            os.close(descriptor)

    def close(self) -> None:
        """Drop everything."""
        for tid in list(self._descriptors):
            self.forget(tid)

    def _open(self, tid: int) -> int:
        if len(self._descriptors) >= self._most:
            os.close(self._descriptors.popitem(last=False)[1])
        with own_capabilities():
            descriptor = os.open(f"/proc/{tid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        self._descriptors[tid] = descriptor
        return descriptor

    def read(self, tid: int, address: int, size: int) -> bytes:
        """Read up to ``size`` bytes; fewer where mapped memory ends.

        Raises:
            OSError: EFAULT when nothing is mapped there; EACCES or EPERM when the task may not be read.
        """
        if not 0 < address < 1 << 63:
            raise OSError(errno.EFAULT, os.strerror(errno.EFAULT))
        now = monotonic()
        if now > self._until:
            self.close()
            self._until = now + _KEPT_SECONDS
            self.keeps = not are_numbers_scarce()
        if not self.keeps:
            self.forget(tid)
        descriptor = self._descriptors.get(tid)
        try:
            if descriptor is not None:
                data = os.pread(descriptor, size, address)
                if data:
                    return data
                self.forget(tid)
            data = os.pread(self._open(tid), size, address)
        except OSError as error:
            if error.errno == errno.EIO:
                raise OSError(errno.EFAULT, os.strerror(errno.EFAULT)) from None
            raise
        if not data and size:
            raise OSError(errno.EFAULT, os.strerror(errno.EFAULT))
        return data

    def read_exactly(self, tid: int, address: int, size: int) -> bytes:
        """Read ``size`` bytes.

        Raises:
            OSError: EFAULT when they are not all mapped.
        """
        data = self.read(tid, address, size) if size else b""
        if len(data) != size:
            raise OSError(errno.EFAULT, os.strerror(errno.EFAULT))
        return data

    def read_string(self, tid: int, address: int, limit: int = _PATH_MAX) -> bytes:
        """Read a NUL-terminated string, without its end.

        Raises:
            OSError: EFAULT when it runs into unmapped memory, ENAMETOOLONG when it is longer than ``limit``.
        """
        descriptor = self._descriptors.get(tid)
        if descriptor is not None and self.keeps and monotonic() <= self._until and limit >= _MOST_PATHS:
            try:
                data = os.pread(descriptor, _MOST_PATHS, address)
            except (OSError, OverflowError):
                data = b""  # read on below tells why
            end = data.find(b"\0")
            if end >= 0:
                return data[:end]
        data = self.read(tid, address, min(limit, _MOST_PATHS))
        end = data.find(b"\0")
        if end < 0 and len(data) == _MOST_PATHS < limit:
            data = self.read(tid, address, limit)
            end = data.find(b"\0")
        if end >= 0:
            return data[:end]
        raise OSError(errno.ENAMETOOLONG if len(data) == limit else errno.EFAULT, "string has no end")

    def write(self, tid: int, address: int, data: bytes) -> None:
        """Write into a task's memory where its own pages are writable.

        Raises:
            OSError: EFAULT when they are not.
        """
        write_memory(tid, address, data)
