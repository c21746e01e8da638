"""Having a new program make system calls before its first instruction.

Some of a task's state only the task itself can change. At the kernel's exec event the program is in place and has done
nothing yet: it is led to the ``syscall`` instruction of the vDSO with the registers of a call, is stopped when
it returns, and given its registers back in the end. Signals that come meanwhile are dropped, which is what this is for.

Source: ``ptrace(2)``; the kernel's ``struct user_regs_struct`` of x86_64.
"""

import ctypes
import os
import signal
import struct
import time

from selbox.enforce.linux import (
    PTRACE_GETREGS,
    PTRACE_O_EXITKILL,
    PTRACE_O_TRACEEXEC,
    PTRACE_O_TRACESYSGOOD,
    PTRACE_SETOPTIONS,
    PTRACE_SETREGS,
    PTRACE_SYSCALL,
    WALL,
    ptrace,
    ptrace_into,
)
from selbox.enforce.memory import TaskMemory
from selbox.enforce.seccomp.listener import Listener
from selbox.typing import Final

R10, RAX, RDX, RSI, RDI, ORIG_RAX, RIP, RSP = 7, 10, 12, 13, 14, 15, 16, 19
"""Places of registers among those that :func:`registers_of` returns."""

NO_CALL: Final = (1 << 64) - 1
"""``orig_rax`` of a task that is in no call, which the kernel would otherwise make again."""

_COUNT: Final = 27
_WORD: Final = 8
SYSCALL: Final = b"\x0f\x05"
_VDSO_SIZE: Final = 8192
_BELOW_STACK: Final = 4096
_SCRATCH: Final = 64
CALL_STOP: Final = signal.SIGTRAP | 0x80
_MOST_STOPS: Final = 256
_SECONDS: Final = 2.0
_MOMENT: Final = 0.00002


class Injection:
    """Makes calls in the name of one task, which is stopped at its exec event.

    Args:
        memory: of tasks.
        listener: lets those of the calls pass that are notified.
        pid: the task.
        vdso: address of its vDSO.

    Raises:
        OSError: when it is gone, or cannot be led.
    """

    def __init__(self, memory: TaskMemory, listener: Listener, pid: int, vdso: int) -> None:
        self._memory = memory
        self._listener = listener
        self._pid = pid
        code = memory.read(pid, vdso, _VDSO_SIZE)
        place = code.find(SYSCALL)
        if place < 0:
            raise OSError(8, "the vDSO makes no system call")
        self._instruction = vdso + place
        ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD)
        self._go_on()  # to where its own execve returns
        self._registers = registers_of(pid)
        self._data = self._registers[RSP] - _BELOW_STACK

    def call(self, number: int, *arguments: int | None, data: bytes = b"") -> int:
        """Make a call; return its result, a negative one being an errno.

        Args:
            number: of the call.
            arguments: at most four; None points at the data, and once more at its second half.
            data: at most 64 bytes, which zeros follow up to there.
        """
        self._memory.write(self._pid, self._data, data.ljust(_SCRATCH, b"\0"))
        halves = iter((self._data, self._data + _SCRATCH // 2))
        registers = self._registers.copy()
        registers[RAX], registers[ORIG_RAX], registers[RIP] = number, NO_CALL, self._instruction
        for place, value in zip((RDI, RSI, RDX, R10), arguments, strict=False):
            registers[place] = next(halves) if value is None else value
        set_registers(self._pid, registers)
        self._go_on()  # into the call
        self._go_on()  # out of it
        result = registers_of(self._pid)[RAX]
        return result - (1 << 64) if result >> 63 else result

    def second_half(self) -> bytes:
        """Return what a call has made of the second half of its data."""
        return self._memory.read_exactly(self._pid, self._data + _SCRATCH // 2, _SCRATCH // 2)

    def finish(self) -> None:
        """Give the program the registers that it starts with."""
        registers = self._registers.copy()
        registers[ORIG_RAX] = NO_CALL
        set_registers(self._pid, registers)

    def _go_on(self) -> None:
        """Let the task run to the next end of a system call; signals on the way are dropped."""
        for _ in range(_MOST_STOPS):
            ptrace(PTRACE_SYSCALL, self._pid, 0, 0)
            status = self._wait()
            if os.WSTOPSIG(status) == CALL_STOP and not status >> 16:
                return
        raise OSError(11, "the task stops for other reasons")

    def _wait(self) -> int:
        """Wait for the next stop; the task's end is left for whoever reaps it."""
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until:
            stopped = os.waitid(os.P_PID, self._pid, os.WSTOPPED | os.WEXITED | os.WNOHANG | os.WNOWAIT | WALL)
            if stopped is None:
                self._listener.let_pass(self._pid)
                time.sleep(_MOMENT)
                continue
            if stopped.si_code in (os.CLD_EXITED, os.CLD_KILLED, os.CLD_DUMPED):
                raise ProcessLookupError
            return os.waitpid(self._pid, WALL)[1]
        raise TimeoutError


def registers_of(pid: int) -> list[int]:
    """Return the registers of a task that is stopped for its tracer (``struct user_regs_struct``).

    Raises:
        OSError: ESRCH when it is gone.
    """
    buffer = ctypes.create_string_buffer(_COUNT * _WORD)
    ptrace_into(PTRACE_GETREGS, pid, buffer)
    return list(struct.unpack(f"={_COUNT}Q", buffer.raw))


def set_registers(pid: int, registers: list[int]) -> None:
    """Give such a task registers.

    Raises:
        OSError: ESRCH when it is gone.
    """
    buffer = ctypes.create_string_buffer(struct.pack(f"={_COUNT}Q", *registers), _COUNT * _WORD)
    ptrace(PTRACE_SETREGS, pid, 0, ctypes.addressof(buffer))
