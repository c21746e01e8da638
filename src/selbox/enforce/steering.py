"""Keeping a stopped task on the supervisor's processor while it takes a descriptor.

To take one, a task is woken, and wakes the supervisor when it has it. The kernel has both run wherever a processor
idles, and two wake-ups across processors take several times as long as all the rest of an open. So the task may run on
the supervisor's processor alone until it has the descriptor; where it may run from then on is as it was.

Source: ``sched_setaffinity(2)``; the kernel's ``seccomp_notify_addfd`` and ``select_task_rq``.
"""

import ctypes
import os
from contextlib import suppress

from selbox.enforce.linux import system_call_with
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.tasks import has_one_thread
from selbox.typing import Final

_MASK_SIZE: Final = 1024
"""Bytes of a mask of processors: 8,192 of them, as many as the kernel can be built for."""

_get_affinity = system_call_with(NUMBERS["sched_getaffinity"], ctypes.c_long, ctypes.c_long, ctypes.c_void_p)
_set_affinity = system_call_with(NUMBERS["sched_setaffinity"], ctypes.c_long, ctypes.c_long, ctypes.c_void_p)
_processor = ctypes.CDLL(None).sched_getcpu


class Steering:
    """Steers one task at a time."""

    def __init__(self) -> None:
        self._is_of_use = (os.cpu_count() or 1) > 1
        self._mask = ctypes.create_string_buffer(_MASK_SIZE)
        self._size = 0
        self._alone: dict[int, ctypes.Array[ctypes.c_char]] = {}

    def hold(self, tid: int) -> bool:
        """Have a stopped task run on this processor alone; tell whether it does, and :meth:`release` has to follow.

        Of a process with several threads none is held: one may change where another may run, without being asked. Nor
        is one that may not run here, or that the supervisor's credentials of the moment do not reach.
        """
        if not self._is_of_use or not has_one_thread(tid):
            return False
        processor = _processor()
        try:
            self._size = _get_affinity(tid, _MASK_SIZE, self._mask)
            if not self._mask[processor >> 3][0] >> (processor & 7) & 1:
                return False
            _set_affinity(tid, self._size, self._only(processor))
        except (OSError, IndexError):
            return False
        return True

    def release(self, tid: int) -> None:
        """Have it run where it might before."""
        with suppress(OSError):  # it was killed
            _set_affinity(tid, self._size, self._mask)

    def _only(self, processor: int) -> "ctypes.Array[ctypes.c_char]":
        alone = self._alone.get(processor)
        if alone is None:
            mask = bytearray(_MASK_SIZE)
            mask[processor >> 3] = 1 << (processor & 7)
            alone = self._alone[processor] = ctypes.create_string_buffer(bytes(mask), _MASK_SIZE)
        return alone
