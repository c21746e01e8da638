"""The supervisor's loop: takes each stopped call, has it handled, and sees the box to its end.

INVARIANT: calls are handled one at a time. While one is handled, no task of the box can change a name, since every
call that does so is made by the supervisor itself.
"""

import errno
import os
import select
import signal
import struct
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from selbox.diagnostics import SelboxError
from selbox.enforce.answer import ANSWERED, CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.calls.execsunderway import WAIT_OPTIONS, ExecsUnderWay
from selbox.enforce.calls.shortcuts import Shortcut
from selbox.enforce.credentials import Lender, read_credentials
from selbox.enforce.linux import PTRACE_EVENT_EXEC, signal_descriptor
from selbox.enforce.seccomp.listener import Notification
from selbox.enforce.seccomp.parts import sockets
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.sharing import is_alone
from selbox.enforce.signals import BLOCKED
from selbox.enforce.tasks import TaskState, parent_of, processes, tracer_of
from selbox.typing import Final

_SIGNAL_SIZE: Final = 128
_SIGNAL_HEAD = struct.Struct("=Iii")
_STOPPING: Final = frozenset({signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGSTOP})
_GRACE_SECONDS: Final = 2.0
_LOOK_MILLISECONDS: Final = 50
_UNLENT: Final = frozenset(NUMBERS[name] for name in sockets.UNLENT)
_UNLENT_SHORTCUTS: Final = frozenset(NUMBERS[name] for name in sockets.UNLENT_SHORTCUTS)
_AT_ONCE: Final = 16
"""Events that are taken at once: room for more is made anew each time, which takes as long as to ask."""


class Supervisor:
    """Runs a box until its first process has ended.

    Args:
        box: what handlers share.
        first: pid of the first process, a child.
        handlers: handler of each notified call, by number.
        shortcuts: what may answer a call before its handler does, by the same.
        execs: takes the stops of tasks that exec.
    """

    def __init__(
        self,
        box: Box,
        first: int,
        handlers: dict[int, Handler],
        shortcuts: dict[int, Shortcut],
        execs: ExecsUnderWay,
    ) -> None:
        self._box = box
        self._first = first
        self._handlers = handlers
        self._shortcuts = shortcuts
        self._execs = execs
        self._status: int | None = None
        self._can_lend = os.geteuid() == 0
        self._lender = Lender()
        self._put_off: list[Notification] = []
        self._recorded = box.recorder.calls
        self._poll = select.epoll()
        # INVARIANT: who makes a call wakes the supervisor on its own processor, which saves waking another. That
        # reaches who polls the listener itself, and is lost on the way through another descriptor, such as epoll's.
        self._calls = select.poll()
        self._calls.register(box.listener.descriptor, select.POLLIN)
        self._calls.register(self._poll, select.POLLIN)
        self._mounts = -1
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._signals = signal_descriptor({int(each) for each in BLOCKED})
        self.watch(self._signals, self._take_signals)

    def watch(self, descriptor: int, callback: Callable[[], None]) -> None:
        """Call back when a descriptor can be read; before any call that is handled later."""
        self._callbacks[descriptor] = callback
        self._poll.register(descriptor, select.EPOLLIN)

    def watch_mounts(self, descriptor: int, callback: Callable[[], None]) -> None:
        """Call back when a table of mounts has changed, of which it tells whoever looks first: so nobody else may."""
        self._mounts = descriptor
        self._callbacks[descriptor] = callback
        self._calls.register(descriptor, select.POLLPRI)

    def unwatch(self, descriptor: int) -> None:
        """Watch a descriptor no longer."""
        self._poll.unregister(descriptor)
        del self._callbacks[descriptor]

    def run(self) -> int:
        """Handle calls until the first process has ended; return its wait status."""
        listener = self._box.listener.descriptor
        poll = self._calls.poll
        while self._status is None:
            is_call = False
            for descriptor, event in poll():
                if descriptor != listener:
                    self._call_back(descriptor)
                    continue
                is_call = bool(event & select.POLLIN)
                if not is_call:  # nobody is left who could call; what remains is to reap them
                    self._calls.unregister(listener)
            if is_call and self._status is None:
                self._handle()
            while self._box.listener.has_kept and self._status is None:
                self._handle()
            if self._put_off:
                self._handle_put_off()
        return self._status

    def _call_back(self, descriptor: int) -> None:
        """Call back for the table of mounts, or for all else that is watched and can be read."""
        self._lender.give_back()
        if descriptor == self._mounts:
            self._callbacks[descriptor]()
            return
        for descriptor, _ in self._poll.poll(0, _AT_ONCE):
            callback = self._callbacks.get(descriptor)
            if callback is not None:
                callback()

    def _handle(self) -> None:
        """Take one call and answer it, or put it off."""
        notification = self._box.listener.receive()
        if notification is None:
            return
        if self._execs.has_others(notification[1]):
            self._put_off.append(notification)
        else:
            self._decide(notification)

    def _handle_put_off(self) -> None:
        """Answer the calls that were put off until another thread had run a program, or failed to."""
        waiting, self._put_off = self._put_off, []
        for notification in waiting:
            if self._execs.has_others(notification[1]):
                self._put_off.append(notification)
            elif self._box.listener.is_valid(notification[0]):  # else it ended, and its number may be another's
                self._box.listener.handled = notification
                self._decide(notification)

    def _decide(self, notification: Notification) -> None:
        box = self._box
        id_, tid, number, arguments = notification
        kind = box.tasks.number_of(tid)
        handler = self._handlers.get(number)
        if kind < 0 or handler is None:
            # A task without a label, or a call that the filter names and nobody handles, must not go on.
            box.listener.give_result(id_, -errno.EPERM)
            return
        if not box.memory.numbers_last() and not box.listener.is_valid(id_):
            return  # its number may be another task's by now, whose state that was
        if box.traces.proofs:
            self._lender.give_back()
            box.traces.settle(tid, id_)
        state = box.tasks.state_at(kind)
        shortcut = self._shortcuts.get(number)
        try:
            if (
                shortcut is not None
                and (number in _UNLENT_SHORTCUTS or self._lend_known(state))
                and shortcut(id_, tid, kind, state, arguments)
            ):
                answer = ANSWERED
            else:
                caller = Caller(id_, tid, state, kind, state.credentials)
                if state.credentials_changed:
                    caller = self._with_credentials(caller, number)
                else:
                    self._lender.give_back()
                answer = handler(caller, arguments)
        except OSError as error:
            answer = -(error.errno or errno.EIO)
        except SelboxError as error:
            box.recorder.undecided(error)
            answer = -errno.EACCES  # a computed context that is not valid, or a class that policy rejects: fail closed
        except (OverflowError, ValueError):
            answer = -errno.EINVAL  # a register that is no number of its kind
        except Exception as error:  # noqa: BLE001 - one program's call must not end the supervision of all others
            box.recorder.fault(f"system call {number}", error)
            answer = -errno.EIO
        finally:
            box.descriptors.close_all()
        self._answer(id_, answer)

    def _answer(self, id_: int, answer: int) -> None:
        """Give the answer of a handler to the caller, and tell of the call if something in it was recorded."""
        listener, recorded = self._box.listener, self._recorded
        if recorded is not None and recorded.stamp is not None:
            recorded.end(answer)
        listener.handled = None
        if answer == CONTINUE:
            listener.let_continue(id_)
        elif answer != ANSWERED:
            listener.give_result(id_, answer)

    def _lend_known(self, state: TaskState) -> bool:
        """Take on a caller's credentials, if they need not be looked up; tell whether they were known."""
        if not state.credentials_changed:
            self._lender.give_back()
            return True
        if state.credentials is None or not self._can_lend:
            return False
        self._lender.lend(state.credentials)
        return True

    def _with_credentials(self, caller: Caller, number: int) -> Caller:
        """Return a caller with the credentials that it has by now; where its call needs them they are borrowed."""
        if number in _UNLENT:
            self._lender.give_back()
            return caller if caller.credentials is not None else caller._replace(kind=-1)
        if caller.credentials is None:
            caller = self._with_known_credentials(caller)
        if self._can_lend and caller.credentials is not None:
            self._lender.lend(caller.credentials)
        return caller

    def _with_known_credentials(self, caller: Caller) -> Caller:
        """Return a caller with its credentials.

        Whatever changes them is a call that is notified. So they are kept with the state of a process, as long as it
        has a single thread: each thread has credentials of its own.
        """
        self._lender.give_back()
        credentials = read_credentials(caller.tid)
        state = caller.state._replace(credentials=credentials)
        if is_alone(caller):
            with suppress(OSError):  # without CAP_SYS_RESOURCE, not that of a task with several user ids
                self._box.tasks.set_state(caller.tid, state)
        return caller._replace(kind=self._box.tasks.number_for(state), credentials=credentials)

    # --- Signals and the end of processes ---------------------------------------------------------------------------

    def _take_signals(self) -> None:
        """Take one signal; the descriptor stays readable while there are more."""
        try:
            number, _error, code = _SIGNAL_HEAD.unpack_from(os.read(self._signals, _SIGNAL_SIZE))
        except BlockingIOError:
            return  # it was told to go on, and to stop once more before it could look
        if number == signal.SIGCHLD:
            self._reap()
        elif number == signal.SIGCONT:
            self._signal_first(signal.SIGCONT)
        elif code <= 0:
            # Sent by a process (SI_USER and the like), not by the terminal, which reaches the program itself.
            self._signal_first(number)

    def _signal_first(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._first, number)

    def _reap(self) -> None:
        self._lender.give_back()
        while True:
            try:
                pid, status = os.waitpid(-1, WAIT_OPTIONS | os.WUNTRACED)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if os.WIFSTOPPED(status):
                self._stopped(pid, status)
                continue
            self._execs.exited(pid)
            self._box.leads.exited(pid)
            self._box.redirections.exited(pid)
            if pid == self._first:
                self._status = status

    def _stopped(self, pid: int, status: int) -> None:
        leads, redirections = self._box.leads, self._box.redirections
        if status >> 16 == PTRACE_EVENT_EXEC:
            leads.exited(pid)  # another thread took over the number of one that was led
            redirections.exited(pid)
        if leads.holds(pid):
            leads.stopped(pid, status)
        elif redirections.holds(pid):
            redirections.stopped(pid, status)
        elif self._execs.holds(pid) or status >> 16 or tracer_of(pid) == os.getpid():
            self._execs.stopped(pid, status)
        elif pid == self._first and os.WSTOPSIG(status) in _STOPPING:
            # As if selbox were not there: the shell sees its job stopped, and continues both.
            os.kill(os.getpid(), signal.SIGSTOP)

    def finish(self) -> None:
        """End what is left of the box: nothing may outlive its supervisor."""
        self._lender.give_back()
        self._end_all(signal.SIGTERM, _GRACE_SECONDS)
        self._end_all(signal.SIGKILL, None)
        self._poll.close()
        with suppress(BlockingIOError):  # what came for the program, which has ended, is for nobody else
            while os.read(self._signals, _SIGNAL_SIZE):
                pass
        os.close(self._signals)

    def _end_all(self, number: int, seconds: float | None) -> None:
        """Signal every process that is left and go on answering until they are gone or time is up.

        Orphans of the box become the supervisor's own children, since it is their subreaper.
        """
        until = None if seconds is None else monotonic() + seconds
        signalled: set[int] = set()
        while children := _children() - {self._box.watchdog.pid}:
            if number == signal.SIGKILL:
                self._kill_all()
            for child in children:
                if child not in signalled:
                    os.kill(child, number)
                    signalled.add(child)
            if until is not None and monotonic() >= until:
                return
            for descriptor, event in self._calls.poll(_LOOK_MILLISECONDS):
                if descriptor == self._box.listener.descriptor and event & select.POLLIN:
                    self._handle()
                elif descriptor == self._mounts:
                    self._call_back(descriptor)
            self._reap()
            while self._box.listener.has_kept:
                self._handle()
            self._handle_put_off()

    def _kill_all(self) -> None:
        """Stop every process of the box before any is killed: who is stopped makes no new ones meanwhile."""
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in processes():
                if self._box.tasks.state_of(pid) is not None:
                    with suppress(OSError):
                        os.kill(pid, number)


def _children() -> set[int]:
    """Return the pids of this process's own children, orphans that it took over among them."""
    pid = os.getpid()
    try:
        with open(f"/proc/self/task/{pid}/children", "rb") as children:
            return {int(each) for each in children.read().split()}
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        return {each for each in processes() if parent_of(each) == pid}
