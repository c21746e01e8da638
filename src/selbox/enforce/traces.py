"""What a box knows of programs of its own that trace others.

Source: the kernel's ``kernel/ptrace.c``; ``ptrace(2)``.
"""

from collections.abc import Callable

from selbox.enforce.linux import PTRACE_O_TRACEEXEC
from selbox.enforce.tasks import blocked_signals, parent_of, thread_group, tracer_of
from selbox.typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from selbox.enforce.calls.transactions import Watcher

_SEIZED: Final = 1 << 63
"""Beside the options of a tracee: whether it was attached to by ``PTRACE_SEIZE``."""

_TRAP: Final = 1 << 4
"""``SIGTRAP`` in a set of signals."""

_MOST_KNOWN: Final = 65536


class Proof(Protocol):
    """An exec of a traced task that is still to be proven to be what was decided."""

    def settle(self, tid: int, call: int) -> bool:
        """Find out what became of it; tell whether a call that concerns a task of the process may go on.

        Args:
            tid: the task.
            call: the notification of a call that it makes; 0 where its tracer makes a request about it.
        """

    def forget_ended(self) -> None:
        """Forget it where the task has ended."""


class Traces:
    """Who traces whom, so far as it matters for execs.

    Attributes:
        are_any: whether a program of the box was ever let trace.
        proofs: execs of traced tasks, by process.
        watch, unwatch: those of the supervisor.
    """

    def __init__(self) -> None:
        self.are_any = False
        self.proofs: dict[int, Proof] = {}
        self.watch: Callable[[int, Callable[[], None]], None]
        self.unwatch: Callable[[int], None]
        self._options: dict[int, int] = {}
        self._last: dict[int, int] = {}
        """Options that a tracer gave last."""

    def attach(self, watcher: "Watcher") -> None:
        """Take what watches descriptors: the supervisor."""
        self.watch, self.unwatch = watcher.watch, watcher.unwatch

    def tracer_of(self, tid: int) -> int:
        """Return the task that traces another one; 0 where none of the box can."""
        return tracer_of(tid) if self.are_any else 0

    def settle(self, tid: int, call: int = 0) -> bool:
        """Settle what is unproven of a task's process; tell whether a call that concerns it may go on.

        Args:
            tid: the task.
            call: the notification of a call that it makes; 0 where its tracer makes a request about it.
        """
        proof = self.proofs.get(thread_group(tid))
        return proof is None or proof.settle(tid, call)

    def begin(self, tracer: int, tid: int, options: int, *, is_seized: bool) -> None:
        """Note that a task is about to be traced."""
        self.are_any = True
        self._note(tracer, tid, options | (_SEIZED if is_seized else 0))

    def set_options(self, tracer: int, tid: int, options: int) -> None:
        """Note the options that a tracer gives a tracee; how it was attached to stays."""
        self._note(tracer, tid, options | self.meet(tracer, tid) & _SEIZED)

    def _note(self, tracer: int, tid: int, options: int) -> None:
        for kept, key in ((self._options, tid), (self._last, tracer)):
            if len(kept) >= _MOST_KNOWN:
                kept.clear()
            kept[key] = options

    def meet(self, tracer: int, tid: int) -> int:
        """Return the options of a tracee.

        One that was not met before was made by another, and has that one's; where its maker has ended, it is taken to
        have those that its tracer gave last.
        """
        options = self._options.get(tid)
        if options is None:
            group = thread_group(tid)
            maker = group if group != tid else parent_of(tid)
            known = self._options.get(maker) if tracer_of(maker) == tracer else None
            options = self._options[tid] = self._last.get(tracer, _SEIZED) if known is None else known
        return options

    def forget(self, tid: int) -> None:
        """Forget a task that is traced no longer."""
        self._options.pop(tid, None)

    def stops_at_exec(self, tracer: int, tid: int) -> bool:
        """Tell whether a traced task is sure to stop when it has run a program, before the first instruction.

        Its tracer asked for it, or it gets a SIGTRAP, as the kernel sends who was not seized.
        """
        options = self.meet(tracer, tid)
        if options & PTRACE_O_TRACEEXEC:
            return True
        return not options & _SEIZED and not blocked_signals(tid) & _TRAP
