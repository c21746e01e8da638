"""Which threads a thread makes.

A new thread shows no trace of the one that made it. The kernel tells who watches that one by a performance event that
counts nothing: it notes each thread and process in memory that is shared with the watcher, before they run. Where such
events are refused, or too many threads are watched already, nothing is told.

Source: ``perf_event_open(2)``; the kernel's ``perf_event_fork``.
"""

import ctypes
import os
import struct
from contextlib import suppress

from selbox.enforce.credentials import own_capabilities
from selbox.enforce.linux import system_call
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mmap import mmap

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_MOST: Final = 64

_SOFTWARE, _DUMMY, _SIZE = 1, 9, 112
_TASKS_ALONE: Final = 1 << 13 | 1 << 6 | 1 << 5
"""``task``, ``exclude_hv`` and ``exclude_kernel`` of ``struct perf_event_attr``."""
_ATTRIBUTES: Final = struct.pack("=IIQQQQQ", _SOFTWARE, _SIZE, _DUMMY, 0, 0, 0, _TASKS_ALONE).ljust(_SIZE, b"\0")
_CLOSE_ON_EXEC: Final = 8

_BOUNDS: Final = struct.Struct("=QQ")
_BOUNDS_AT: Final = 1024
"""Where the first page says up to where was written, and up to where was read."""
_HEAD: Final = struct.Struct("=I2xH")
_NOTE: Final = struct.Struct("=8xI4xI")
_FORK: Final = 7


class ThreadMakers:
    """Watches threads."""

    def __init__(self) -> None:
        self._watched: dict[int, mmap] = {}

    def watch(self, tid: int) -> None:
        """Have it noted from now on what a thread makes, if that can be told."""
        from mmap import mmap  # few threads are watched

        self.forget(tid)
        if len(self._watched) >= _MOST:
            for each in [each for each in self._watched if not os.path.exists(f"/proc/{each}")]:
                self.forget(each)
        if len(self._watched) >= _MOST:
            return
        attributes = ctypes.create_string_buffer(_ATTRIBUTES, _SIZE)
        with suppress(OSError), own_capabilities():
            descriptor = system_call(NUMBERS["perf_event_open"], attributes, tid, -1, -1, _CLOSE_ON_EXEC)
            try:
                self._watched[tid] = mmap(descriptor, 2 * _PAGE)  # with a descriptor of its own
            finally:
                os.close(descriptor)

    def forget(self, tid: int) -> None:
        """Watch a thread no longer."""
        memory = self._watched.pop(tid, None)
        if memory is not None:
            memory.close()

    def made_by(self, tid: int, process: int) -> list[int]:
        """Return the threads that a thread has made since this was asked before.

        Args:
            tid: the thread.
            process: its process.
        """
        memory = self._watched.get(tid)
        if memory is None:
            return []
        written, read = _BOUNDS.unpack_from(memory, _BOUNDS_AT)
        if read == written:
            return []
        ring = memory[_PAGE:] * 2
        made = []
        while read < written:
            kind, size = _HEAD.unpack_from(ring, read % _PAGE)
            holder, thread = _NOTE.unpack_from(ring, read % _PAGE)
            if kind == _FORK and holder == process:
                made.append(thread)
            read += size
        _BOUNDS.pack_into(memory, _BOUNDS_AT, written, written)
        return made
