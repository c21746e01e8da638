"""Writes to what a shell has put at another number, as in ``echo nonsense > /sys/fs/selinux/context``.

The filter knows the files that answer writes by their high numbers (:mod:`selbox.enforce.calls.transactions`). A shell
opens such a file and has a low number stand for it, which the filter cannot tell from any other. So a task that copies
one of the high numbers is held by ``ptrace`` and stops at each of its calls, until no number of its own outside the
range stands for such a file any more. Where it reads or writes one, the number in its register is replaced by a high
one while the call lasts: the call is notified, and answered as if the file had never been moved.

A program that is run meanwhile is held on in the same way. Whoever cannot be held, and a child that only forked, writes
into the socket behind the number, and is not told what came of it. What is done is the same, and is checked the same.

Source: ``ptrace(2)``; the kernel's ``user_regs_struct``.
"""

import os
import signal
from collections.abc import Callable, Sized
from contextlib import suppress

from selbox.enforce.caller import Caller
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.leads import killed_unless_led
from selbox.enforce.linux import (
    PTRACE_DETACH,
    PTRACE_INTERRUPT,
    PTRACE_LISTEN,
    PTRACE_O_EXITKILL,
    PTRACE_O_TRACESYSGOOD,
    PTRACE_SETOPTIONS,
    PTRACE_SYSCALL,
    is_at_entry,
    ptrace,
)
from selbox.enforce.seccomp.part import TransactionRange
from selbox.enforce.seccomp.parts.selinuxpaths import MOVABLE
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.seizing import seize
from selbox.typing import Final

_OPTIONS: Final = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL
_EVENT_STOP: Final = 128
_WORD: Final = 0xFFFFFFFF

_HELD_OTHERWISE: Final = frozenset(
    NUMBERS[each] for each in ("execve", "execveat", "chdir", "fchdir", "openat2", "userfaultfd", "ptrace")
)
"""Calls for which the supervisor, or another program, may have to hold the task, who can only be held once."""

_OPEN, _OPENAT = NUMBERS["open"], NUMBERS["openat"]
"""Calls for which it has to where their flags have ``O_PATH``."""

_LEAVING: Final = frozenset((3, NUMBERS["dup2"], NUMBERS["dup3"], 436))
"""Calls after which nothing may be left to be held for: ``close``, ``dup2``, ``dup3`` and ``close_range``."""


class _Held:
    """A task that is held.

    Attributes:
        has_begun: whether it has stopped.
        number: the one that it reads or writes, while it does; else -1.
        register: what stood in the register of that number.
    """

    __slots__ = ("has_begun", "number", "register")

    def __init__(self, *, has_begun: bool) -> None:
        self.has_begun = has_begun
        self.number = -1
        self.register = 0


class Redirections:
    """Holds tasks that have moved such files.

    Args:
        numbers: the watched ones.
    """

    def __init__(self, numbers: TransactionRange) -> None:
        self._numbers = numbers
        self._held: dict[int, _Held] = {}
        self._open: Sized = ()
        self._answers_writes: Callable[[int, int], bool] | None = None

    def attach(self, opened: Sized, answers_writes: Callable[[int, int], bool]) -> None:
        """Take the open files that answer writes, and what tells whether a descriptor of a task is one, by numbers."""
        self._open = opened
        self._answers_writes = answers_writes

    def begin(self, caller: Caller, number: int) -> None:
        """Hold a task that is about to copy a descriptor, if that is such a file."""
        if self._answers_writes is None or caller.tid in self._held:
            return
        if not self._answers_writes(caller.tid, number):
            return
        # Who is traced already cannot be held, and is not told, which changes nothing of what is done.
        with suppress(OSError), own_capabilities():
            seize(caller.tid, _OPTIONS)
            self._held[caller.tid] = _Held(has_begun=False)
            ptrace(PTRACE_INTERRUPT, caller.tid)

    def take_over(self, tid: int) -> bool:
        """Hold on a task that stands at its exec event and is held for that; tell whether it needs to be."""
        if not self._has_moved(tid):
            return False
        try:
            ptrace(PTRACE_SETOPTIONS, tid, 0, _OPTIONS)
            ptrace(PTRACE_SYSCALL, tid)
        except ProcessLookupError:
            return False
        self._held[tid] = _Held(has_begun=True)
        return True

    def meant(self, tid: int, number: int) -> int:
        """Return the number that a task gave a call itself."""
        held = self._held.get(tid)
        return number if held is None or held.number < 0 or number != self._numbers.first else held.number

    def holds(self, tid: int) -> bool:
        """Tell whether a task is held."""
        return tid in self._held

    def exited(self, tid: int) -> None:
        """Forget a task that has ended."""
        self._held.pop(tid, None)

    def stopped(self, tid: int, status: int) -> None:
        """Take a stop of a task that is held, as ``waitpid`` reported it."""
        with killed_unless_led(tid):
            self._go_on(tid, self._held[tid], os.WSTOPSIG(status), status >> 16)

    def _go_on(self, tid: int, held: _Held, number: int, event: int) -> None:
        from selbox.enforce.injection import CALL_STOP  # few tasks are held

        if event:
            if event != _EVENT_STOP or not (held.has_begun or self._has_moved(tid)):
                self._release(tid)
                return
            if number != signal.SIGTRAP:
                ptrace(PTRACE_LISTEN, tid)  # it was stopped as anybody is, until somebody has it continue
                return
            held.has_begun, number = True, 0
        elif number == CALL_STOP:
            number = 0
            if not (self._enter(tid, held) if is_at_entry(tid) else self._leave(tid, held)):
                self._release(tid)
                return
        ptrace(PTRACE_SYSCALL, tid, 0, number)

    def _enter(self, tid: int, held: _Held) -> bool:
        """Replace the number of such a file that is read or written; tell whether to hold the task through the call."""
        from selbox.enforce import injection as places

        registers = places.registers_of(tid)
        call, flags = registers[places.ORIG_RAX], {_OPEN: places.RSI, _OPENAT: places.RDX}
        if call in _HELD_OTHERWISE or (call in flags and registers[flags[call]] & os.O_PATH):
            return False
        if call not in MOVABLE or self._answers_writes is None:
            return True
        number = registers[places.RDI] & _WORD
        if not self._is_watched(number) and self._answers_writes(tid, number):
            held.number, held.register = number, registers[places.RDI]
            registers[places.RDI] = self._numbers.first
            places.set_registers(tid, registers)
        return True

    def _leave(self, tid: int, held: _Held) -> bool:
        """Give a task its register back; tell whether it has to be held on."""
        from selbox.enforce import injection as places

        registers = places.registers_of(tid)
        if held.number >= 0:
            registers[places.RDI] = held.register
            places.set_registers(tid, registers)
            held.number = -1
        return registers[places.ORIG_RAX] not in _LEAVING or self._has_moved(tid)

    def _release(self, tid: int) -> None:
        del self._held[tid]
        ptrace(PTRACE_DETACH, tid)

    def _is_watched(self, number: int) -> bool:
        return self._numbers.first <= number < self._numbers.end

    def _has_moved(self, tid: int) -> bool:
        """Tell whether a number of a task outside the range stands for such a file."""
        answers_writes = self._answers_writes
        if answers_writes is None or not self._open:
            return False
        try:
            numbers = [int(each) for each in os.listdir(f"/proc/{tid}/fd")]
        except OSError:
            return False
        return any(not self._is_watched(each) and answers_writes(tid, each) for each in numbers)
