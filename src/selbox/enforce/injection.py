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
from selbox.typing import Final

_COUNT: Final = 27
_R10, _RAX, _RDX, _RSI, _RDI, _ORIG_RAX, _RIP, _RSP = 7, 10, 12, 13, 14, 15, 16, 19
_WORD: Final = 8
_SYSCALL: Final = b"\x0f\x05"
_VDSO_SIZE: Final = 8192
_BELOW_STACK: Final = 4096
_SCRATCH: Final = 64
_CALL_STOP: Final = signal.SIGTRAP | 0x80
_MOST_STOPS: Final = 256
_SECONDS: Final = 2.0
_MOMENT: Final = 0.00002


class Injection:
    """Makes calls in the name of one task, which is stopped at its exec event.

    Args:
        memory: of tasks.
        pid: the task.
        vdso: address of its vDSO.

    Raises:
        OSError: when it is gone, or cannot be led.
    """

    def __init__(self, memory: TaskMemory, pid: int, vdso: int) -> None:
        self._memory = memory
        self._pid = pid
        code = memory.read(pid, vdso, _VDSO_SIZE)
        place = code.find(_SYSCALL)
        if place < 0:
            raise OSError(8, "the vDSO makes no system call")
        self._instruction = vdso + place
        ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD)
        self._go_on()  # to where its own execve returns
        buffer = ctypes.create_string_buffer(_COUNT * _WORD)
        ptrace_into(PTRACE_GETREGS, pid, buffer)
        self._registers = list(struct.unpack(f"={_COUNT}Q", buffer.raw))
        self._zeros = self._registers[_RSP] - _BELOW_STACK
        memory.write(pid, self._zeros, bytes(_SCRATCH))

    def call(self, number: int, *arguments: int | None) -> int:
        """Make a call; return its result, a negative one being an errno.

        Args:
            number: of the call.
            arguments: at most four; None points at 64 zero bytes.
        """
        registers = self._registers.copy()
        registers[_RAX], registers[_ORIG_RAX], registers[_RIP] = number, (1 << 64) - 1, self._instruction
        for place, value in zip((_RDI, _RSI, _RDX, _R10), arguments, strict=False):
            registers[place] = self._zeros if value is None else value
        self._set(registers)
        self._go_on()  # into the call
        self._go_on()  # out of it
        buffer = ctypes.create_string_buffer(_COUNT * _WORD)
        ptrace_into(PTRACE_GETREGS, self._pid, buffer)
        return int(struct.unpack_from("=q", buffer.raw, _RAX * _WORD)[0])

    def finish(self) -> None:
        """Give the program the registers that it starts with."""
        registers = self._registers.copy()
        registers[_ORIG_RAX] = (1 << 64) - 1  # or the kernel would take it for a call that is to be made again
        self._set(registers)

    def _set(self, registers: list[int]) -> None:
        buffer = ctypes.create_string_buffer(struct.pack(f"={_COUNT}Q", *registers), _COUNT * _WORD)
        ptrace(PTRACE_SETREGS, self._pid, 0, ctypes.addressof(buffer))

    def _go_on(self) -> None:
        """Let the task run to the next end of a system call; signals on the way are dropped."""
        for _ in range(_MOST_STOPS):
            ptrace(PTRACE_SYSCALL, self._pid, 0, 0)
            status = self._wait()
            if os.WSTOPSIG(status) == _CALL_STOP and not status >> 16:
                return
        raise OSError(11, "the task stops for other reasons")

    def _wait(self) -> int:
        """Wait for the next stop; the task's end is left for whoever reaps it."""
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until:
            stopped = os.waitid(os.P_PID, self._pid, os.WSTOPPED | os.WEXITED | os.WNOHANG | os.WNOWAIT | WALL)
            if stopped is None:
                time.sleep(_MOMENT)
                continue
            if stopped.si_code in (os.CLD_EXITED, os.CLD_KILLED, os.CLD_DUMPED):
                raise ProcessLookupError
            return os.waitpid(self._pid, WALL)[1]
        raise TimeoutError
