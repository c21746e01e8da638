"""A program that stands before its first instruction: its auxiliary vector, and calls in its name.

Source: the kernel's ``create_elf_tables``; ``ptrace(2)``.
"""

import errno
import os
import struct
from array import array

from selbox.enforce.box import Box
from selbox.enforce.injection import RSP, Injection, registers_of
from selbox.enforce.resourcelimits import Limit, limit_of, set_limit
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.tasks import start_of_stack
from selbox.typing import Final

_AT_NULL, _AT_SYSINFO_EHDR = 0, 33
AT_SECURE: Final = 23
_AUXILIARY_SIZE: Final = 512
"""Bytes within which the auxiliary vector ends (kernel: ``AT_VECTOR_SIZE``, some 50 words)."""

_SETITIMER: Final = 38
_TIMER_SIZE: Final = 32

_WORD: Final = 8
_CHUNK: Final = 4096
_MOST_WORDS: Final = 1 << 21
"""Words of arguments and environment that the kernel allows at most: a quarter of the largest stack, and some more."""


class NewProgram:
    """A task at the kernel's exec event.

    Args:
        box: the box.
        pid: the task.
        is_held: whether it is the supervisor who holds it, and can lead it.
    """

    def __init__(self, box: Box, pid: int, *, is_held: bool) -> None:
        self.pid = pid
        self.is_held = is_held
        self._box = box
        self._injection: Injection | None = None

    def auxiliary_place(self, kind: int) -> int:
        """Return where a value of the auxiliary vector lies.

        Raises:
            OSError: EINVAL when there is none of this kind.
        """
        place = registers_of(self.pid)[RSP] if self.is_held else start_of_stack(self.pid)
        found = self._auxiliary_places(place).get(kind)
        if found is None:
            raise OSError(errno.EINVAL, "the program's auxiliary vector lacks what every program has")
        return found

    def _auxiliary_places(self, place: int) -> dict[int, int]:
        """Return where the values of the auxiliary vector lie on the new stack, behind arguments and environment."""
        memory = self._box.memory
        (arguments,) = struct.unpack("=Q", memory.read_exactly(self.pid, place, _WORD))
        place = self._after_zero(place + (arguments + 2) * _WORD)
        places: dict[int, int] = {}
        for kind, _ in struct.iter_unpack("=QQ", memory.read_exactly(self.pid, place, _AUXILIARY_SIZE)):
            if kind == _AT_NULL:
                break
            places[kind] = place + _WORD
            place += 2 * _WORD
        return places

    def _after_zero(self, place: int) -> int:
        """Return the address of the word after the next zero word."""
        for _ in range(_MOST_WORDS * _WORD // _CHUNK):
            data = self._box.memory.read(self.pid, place, _CHUNK)
            words = array("Q", data[: len(data) // _WORD * _WORD])
            if 0 in words:
                return place + (words.index(0) + 1) * _WORD
            place += len(words) * _WORD
        raise OSError(errno.EINVAL, "the environment has no end")

    def call(self, number: int, *arguments: int | None, data: bytes = b"") -> int:
        """Make a call in its name, as :meth:`Injection.call` does."""
        return self._led().call(number, *arguments, data=data)

    def stop_timer(self, timer: int) -> None:
        """Stop one of its timers of ``setitimer``.

        Raises:
            OSError: EPERM where a filter of its own keeps it from that, or pretends that it was done.
        """
        led = self._led()
        unwritten = b"\xff" * _TIMER_SIZE
        if (
            led.call(_SETITIMER, timer, None, None, data=bytes(_TIMER_SIZE) + unwritten)
            or led.second_half() == unwritten
        ):
            raise OSError(errno.EPERM, "a timer cannot be stopped")

    def _led(self) -> Injection:
        if self._injection is None:
            (vdso,) = struct.unpack(
                "=Q", self._box.memory.read_exactly(self.pid, self.auxiliary_place(_AT_SYSINFO_EHDR), _WORD)
            )
            self._injection = Injection(self._box.memory, self._box.listener, self.pid, vdso)
        return self._injection

    def set_limit(self, resource: int, limit: Limit) -> None:
        """Set a limit of the program, by itself where nobody else can.

        Raises:
            OSError: EPERM where it can only be set by the program, and somebody else holds it.
        """
        try:
            set_limit(self.pid, resource, limit)
        except PermissionError:
            if not self.is_held:
                raise
            result = self.call(NUMBERS["prlimit64"], 0, resource, None, 0, data=limit.packed())
            if result < 0:
                raise OSError(-result, os.strerror(-result)) from None
            if limit_of(self.pid, resource) != limit:
                raise OSError(errno.EPERM, "a limit cannot be set") from None

    def finish(self) -> None:
        """Give the program the registers that it starts with."""
        if self._injection is not None:
            self._injection.finish()
