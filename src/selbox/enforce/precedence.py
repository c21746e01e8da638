"""The supervisor's turn comes before its callers': a call that waits to be received can be broken off by any signal.

A shell that forks the first part of a pipeline and makes the next pipe waits for the supervisor, which waits for a
processor, behind the child perhaps; when that ends, SIGCHLD is there first. The kernel never interrupts the making of a
pipe, and some shells give up when it fails. So the supervisor takes short slices, with which its turn comes sooner, and
where it may, a better nice value.

Source: ``sched_setattr(2)``. Slices (``sched_runtime``) came with Linux 6.12, and older kernels pass over them.
"""

import ctypes
import os
import struct
from contextlib import ExitStack, suppress

from selbox.enforce.linux import system_call
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.typing import Final

NICER: Final = 4
"""How much better its nice value is than its programs': it weighs as much as two and a half of them."""

_BEST: Final = -20
_RESET_ON_FORK: Final = 1
_SLICE: Final = 100_000
"""Nanoseconds, the least that the kernel takes."""

_ATTRIBUTES: Final = struct.Struct("=IIQiIQQQ")
"""Size, policy, flags, nice value, priority, and three times, of which the first is the slice."""


def take_precedence(stack: ExitStack) -> None:
    """Have this thread run before others, as far as its user may, until the stack is unwound.

    What it starts meanwhile has no better nice value than others (``SCHED_FLAG_RESET_ON_FORK``). Whoever has chosen
    another policy of scheduling than the ordinary one keeps it.
    """
    space = ctypes.create_string_buffer(_ATTRIBUTES.size)
    with suppress(OSError):  # a filter around the box may refuse it
        system_call(NUMBERS["sched_getattr"], 0, space, _ATTRIBUTES.size, 0)
        _, policy, flags, nice, *_ = _ATTRIBUTES.unpack(space)
        if policy != os.SCHED_OTHER:
            return
        try:
            _set(flags | _RESET_ON_FORK, max(nice - NICER, _BEST), _SLICE)
        except PermissionError:
            _set(flags, nice, _SLICE)
        stack.callback(_set, flags, nice, 0)


def _set(flags: int, nice: int, slice_length: int) -> None:
    values = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, flags, nice, 0, slice_length, 0, 0)
    system_call(NUMBERS["sched_setattr"], 0, values, 0)
