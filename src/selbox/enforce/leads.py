"""Leading a task to make another call than the one that it made.

A working directory, and a descriptor that is opened with ``O_PATH``, only the task itself can come by. Where a path
names what stands elsewhere for the box (:mod:`selbox.enforce.standins`), the kernel would go to the host's, or nowhere.
So the supervisor gives the task a descriptor from which the kernel finds the same. The call is answered, and before the
task runs on it is stopped and led back to the instruction that made it, with the registers of a call that starts from
the descriptor, and then of one that closes that. It goes on with its own registers and the result of the first.

Where it is the flags of a call that decide, and they lie in memory that another thread may change, the task is led to a
call that has them in a register.

The call that a task is led to is notified, and decided about, as if the task had made it of its own.

Source: ``ptrace(2)``.
"""

import ctypes
import errno
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from selbox.enforce.caller import Caller
from selbox.enforce.linux import (
    PTRACE_DETACH,
    PTRACE_GETSIGMASK,
    PTRACE_INTERRUPT,
    PTRACE_O_EXITKILL,
    PTRACE_O_TRACESYSGOOD,
    PTRACE_SETSIGMASK,
    PTRACE_SYSCALL,
    ptrace,
)
from selbox.enforce.memory import TaskMemory
from selbox.enforce.seccomp.listener import Listener
from selbox.enforce.seizing import seize
from selbox.typing import Final

_CLOSE: Final = 3
_WORD: Final = 8
_INSTRUCTION_SIZE: Final = 2
_ALL_SIGNALS: Final = b"\xff" * _WORD


class _Led:
    """A task that is led.

    Attributes:
        calls: numbers and arguments of the calls that it has yet to make.
        registers: its own; empty until it has stopped.
        mask: the signals that it blocks itself.
        is_inside: whether it is within a call.
        result: what the first call returned.
        then: is told of that, before the task goes on; may raise OSError for a task that must not.
    """

    __slots__ = ("calls", "is_inside", "mask", "registers", "result", "then")

    def __init__(self, then: Callable[[int], None]) -> None:
        self.calls: list[tuple[int, ...]] = []
        self.then = then
        self.registers: list[int] = []
        self.mask = b""
        self.is_inside = False
        self.result: int | None = None


class Leads:
    """Leads tasks.

    Args:
        listener: gives them descriptors.
        memory: theirs.
    """

    def __init__(self, listener: Listener, memory: TaskMemory) -> None:
        self._listener = listener
        self._memory = memory
        self._led: dict[int, _Led] = {}

    def begin(
        self,
        caller: Caller,
        call: tuple[int, ...],
        then: Callable[[int], None] = lambda _result: None,
    ) -> int:
        """Lead a task to another call.

        Args:
            caller: the task; its own call is to be answered with what is returned.
            call: number and arguments of the other.
            then: is told what that returned, unsigned, before the task goes on; where it raises OSError, it does not.

        Raises:
            OSError: EPERM for a task that is led or traced already.
        """
        self._hold(caller.tid, then).calls = [call]
        return 0

    def begin_from(self, caller: Caller, descriptor: int, call: Callable[[int], tuple[int, ...]]) -> int:
        """Lead a task to a call that starts from a descriptor.

        Args:
            caller: the task; its own call is to be answered with what is returned.
            descriptor: the supervisor's.
            call: returns number and arguments of the call, for the number of the descriptor in the task.

        Raises:
            OSError: EPERM for a task that is led or traced already.
        """
        led = self._hold(caller.tid, lambda _result: None)
        number = self._listener.add_descriptor(caller.id, descriptor, os.O_CLOEXEC)
        led.calls = [call(number), (_CLOSE, number)]
        return 0

    def _hold(self, tid: int, then: Callable[[int], None]) -> _Led:
        """Have a task stopped before it runs on."""
        seize(tid, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)
        ptrace(PTRACE_INTERRUPT, tid)  # takes effect where its own call returns
        self._led[tid] = led = _Led(then)
        return led

    def holds(self, tid: int) -> bool:
        """Tell whether a task is led."""
        return tid in self._led

    def exited(self, tid: int) -> None:
        """Forget a task that has ended."""
        self._led.pop(tid, None)

    def stopped(self, tid: int, status: int) -> None:
        """Take a stop of a task that is led, as ``waitpid`` reported it."""
        with killed_unless_led(tid):
            self._lead(tid, self._led[tid], os.WSTOPSIG(status), status >> 16)

    def _lead(self, tid: int, led: _Led, number: int, event: int) -> None:
        from selbox.enforce.injection import CALL_STOP  # few tasks are led

        if number == CALL_STOP and not event:
            led.is_inside = not led.is_inside
            if not led.is_inside:
                self._returned(tid, led)
                return
        elif event and not led.registers:
            self._take(tid, led)
            return
        ptrace(PTRACE_SYSCALL, tid, 0, 0 if event or number == CALL_STOP else number)

    def _take(self, tid: int, led: _Led) -> None:
        """Keep what is the task's own, and begin."""
        from selbox.enforce.injection import RIP, SYSCALL, registers_of

        led.registers = registers_of(tid)
        buffer = ctypes.create_string_buffer(_WORD)
        ptrace(PTRACE_GETSIGMASK, tid, _WORD, ctypes.addressof(buffer))
        led.mask = buffer.raw
        instruction = led.registers[RIP] - _INSTRUCTION_SIZE
        if not led.calls or self._memory.read(tid, instruction, _INSTRUCTION_SIZE) != SYSCALL:
            led.result, led.calls = -errno.ENOSYS, []
            self._go_on(tid, led)
            return
        _set_mask(tid, _ALL_SIGNALS)
        self._go_on(tid, led)

    def _returned(self, tid: int, led: _Led) -> None:
        from selbox.enforce.injection import RAX, registers_of

        if led.result is None:
            led.result = registers_of(tid)[RAX]
            led.then(led.result)
        self._go_on(tid, led)

    def _go_on(self, tid: int, led: _Led) -> None:
        """Lead to the next call, or let go where there is none."""
        from selbox.enforce import injection as places

        registers = led.registers.copy()
        registers[places.ORIG_RAX] = places.NO_CALL
        if led.calls:
            registers[places.RAX], *arguments = led.calls.pop(0)
            registers[places.RIP] -= _INSTRUCTION_SIZE
            for place, value in zip((places.RDI, places.RSI, places.RDX), arguments, strict=False):
                registers[place] = value
            places.set_registers(tid, registers)
            ptrace(PTRACE_SYSCALL, tid, 0, 0)
            return
        registers[places.RAX] = (led.result or 0) & places.NO_CALL
        places.set_registers(tid, registers)
        _set_mask(tid, led.mask)
        del self._led[tid]
        with suppress(ProcessLookupError):
            ptrace(PTRACE_DETACH, tid, 0, 0)


@contextmanager
def killed_unless_led(tid: int) -> Iterator[None]:
    """Lead a stopped task in the block; one that cannot be led is killed, for its registers may not be its own."""
    try:
        yield
    except ProcessLookupError:
        pass  # killed; its end is reported next
    except OSError:
        os.kill(tid, signal.SIGKILL)


def _set_mask(tid: int, mask: bytes) -> None:
    buffer = ctypes.create_string_buffer(mask, _WORD)
    ptrace(PTRACE_SETSIGMASK, tid, _WORD, ctypes.addressof(buffer))
