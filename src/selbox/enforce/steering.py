"""Keeping a stopped task on the supervisor's processor while it takes a descriptor.

To take one, a task is woken, and wakes the supervisor when it has it. The kernel has both run wherever a processor
idles, and two wake-ups across processors take several times as long as all the rest of an open. So the task may run on
the supervisor's processor alone until it has the descriptor; where it may run from then on is as it was.

Source: ``sched_setaffinity(2)``; the kernel's ``seccomp_notify_addfd``, ``select_task_rq`` and
``__set_cpus_allowed_ptr_locked``.
"""

import ctypes
import os
import struct
from collections.abc import Callable
from contextlib import suppress
from threading import get_ident
from time import monotonic

from selbox.enforce.linux import system_call_with
from selbox.enforce.precedence import NICER
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.tasks import has_one_thread
from selbox.typing import Final

_MASK_SIZE: Final = 1024
"""Bytes of a mask of processors: 8,192 of them, as many as the kernel can be built for."""
_KEPT_SECONDS: Final = 0.02

_get_affinity = system_call_with(NUMBERS["sched_getaffinity"], ctypes.c_long, ctypes.c_long, ctypes.c_void_p)
_set_affinity = system_call_with(NUMBERS["sched_setaffinity"], ctypes.c_long, ctypes.c_long, ctypes.c_void_p)
_get_attributes = system_call_with(
    NUMBERS["sched_getattr"], ctypes.c_long, ctypes.c_void_p, ctypes.c_long, ctypes.c_long
)
_POLICY_AND_NICE = struct.Struct("=4xI8xi")
_ATTRIBUTES_SIZE: Final = 48
_processor = ctypes.CDLL(None).sched_getcpu


class Steering:
    """Steers one task at a time, in the thread that makes it.

    Args:
        numbers_last: tells whether a number of a task stands for no other one in the next moment.
    """

    def __init__(self, numbers_last: Callable[[], bool]) -> None:
        self._is_of_use = (os.cpu_count() or 1) > 1
        self._numbers_last = numbers_last
        self._thread = get_ident()
        self._mask = ctypes.create_string_buffer(_MASK_SIZE)
        self._every = ctypes.create_string_buffer(b"\xff" * _MASK_SIZE, _MASK_SIZE)
        self._unbound: tuple[int, bytes] = (0, b"")
        """Who was last seen to run wherever its control group lets it, and where that was; for a moment."""
        self._until = 0.0
        self._nice = os.getpriority(os.PRIO_PROCESS, 0) + NICER
        self._attributes = ctypes.create_string_buffer(_ATTRIBUTES_SIZE)
        self._prompt = 0
        """Who was last seen not to be nicer than others, for a moment too."""
        self._prompt_until = 0.0
        self._size = 0
        self._alone: dict[int, ctypes.Array[ctypes.c_char]] = {}

    def hold(self, tid: int) -> bool:
        """Have a stopped task run on this processor alone; tell whether it does, and :meth:`release` has to follow.

        Of a process with several threads none is held: one may change where another may run, without being asked. Nor
        is one that runs nowhere else, or may not run here, or that the supervisor's credentials of the moment do not
        reach. Nobody is held by another thread of the supervisor, or where an ending task's number may be another's;
        nor whose turn comes later than others', for whom it might have to wait here, and the supervisor with it.
        """
        if not self._is_of_use or get_ident() != self._thread or not (self._numbers_last() and has_one_thread(tid)):
            return False
        if not self._is_prompt(tid):
            return False
        processor = _processor()
        only = self._only(processor)
        try:
            self._size = _get_affinity(tid, _MASK_SIZE, self._mask)
            if not self._mask[processor >> 3][0] >> (processor & 7) & 1 or self._mask.raw == only.raw:
                return False
            _set_affinity(tid, self._size, only)
        except (OSError, IndexError):
            return False
        return True

    def release(self, tid: int) -> None:
        """Have it run where it might before.

        Who might run wherever its control group lets it may do so from now on as well, also when that comes to have
        other processors: the kernel keeps what a task was told apart from what the group has.
        """
        mask = self._mask.raw
        with suppress(OSError):  # it was killed
            _set_affinity(tid, self._size, self._every)
            now = monotonic()
            if now > self._until or self._unbound != (tid, mask):
                _get_affinity(tid, _MASK_SIZE, self._mask)
                if self._mask.raw != mask:
                    _set_affinity(tid, self._size, mask)
                else:
                    self._unbound, self._until = (tid, mask), now + _KEPT_SECONDS

    def _is_prompt(self, tid: int) -> bool:
        """Tell whether a task's turn comes as soon as that of programs that are no nicer than the box."""
        now = monotonic()
        if tid == self._prompt and now <= self._prompt_until:
            return True
        try:
            _get_attributes(tid, self._attributes, _ATTRIBUTES_SIZE, 0)
        except OSError:
            return False
        policy, nice = _POLICY_AND_NICE.unpack_from(self._attributes)
        if policy == os.SCHED_IDLE or nice > self._nice:
            return False
        self._prompt, self._prompt_until = tid, now + _KEPT_SECONDS
        return True

    def _only(self, processor: int) -> "ctypes.Array[ctypes.c_char]":
        alone = self._alone.get(processor)
        if alone is None:
            mask = bytearray(_MASK_SIZE)
            mask[processor >> 3] = 1 << (processor & 7)
            alone = self._alone[processor] = ctypes.create_string_buffer(bytes(mask), _MASK_SIZE)
        return alone
