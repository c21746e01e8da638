"""Execs that the kernel is carrying out: the proof that it runs what was decided.

The kernel reads the path of ``execve`` from the caller's memory once more when the call continues, and another
thread may have changed it. So the caller is held by ``ptrace`` until the kernel reports that the new program is in
place (``PTRACE_EVENT_EXEC``), which is before its first instruction. Only if it is the very file that was decided
about, with the dynamic loader that was, does the task get its new label and go on; otherwise it is killed. A task that
a program of the box traces is held by that one (:mod:`selbox.enforce.calls.tracedexecution`).
"""

import errno
import os
import signal
from contextlib import suppress
from time import monotonic, sleep

from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.calls.entering import Entering
from selbox.enforce.calls.inheritance import Inheritance, command_of
from selbox.enforce.calls.transitions import Transitions
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.linux import (
    O_PATH,
    PTRACE_CONT,
    PTRACE_DETACH,
    PTRACE_EVENT_EXEC,
    PTRACE_INTERRUPT,
    PTRACE_O_EXITKILL,
    PTRACE_O_TRACEEXEC,
    WALL,
    ptrace,
    ptrace_event_message,
)
from selbox.enforce.memorymaps import mapping_of, new_memory, open_origin
from selbox.enforce.monitor import AccessDenied
from selbox.enforce.newprograms import NewProgram
from selbox.enforce.resourcelimits import Limit
from selbox.enforce.scripts import begins_with
from selbox.enforce.seccomp.parts.limits import RLIMIT_RTTIME
from selbox.enforce.seizing import seize
from selbox.enforce.tasks import (
    INFINITY,
    TaskState,
    blocked_signals,
    has_one_thread,
    ignored_signals,
    thread_group,
    tracer_of,
    tracer_where_stopped,
)
from selbox.typing import Final, NamedTuple

_HELD_SECONDS: Final = 0.05
_LOOK_SECONDS: Final = 0.0002

WAIT_OPTIONS: Final = os.WNOHANG | WALL
"""Options of the ``waitpid`` that reports stops of held tasks, threads among them."""


NO_LOADER: Final = (0, 0)
"""Stands for the dynamic loader of a program that names none."""


class Pending(NamedTuple):
    """An exec that the kernel is carrying out.

    Attributes:
        caller: who made the call.
        image: device and inode number of the program that may run.
        loader: the same of the dynamic loader that it names, or :data:`NO_LOADER`.
        state: the state that the task has once it runs.
        path: what was asked for, for the record of a mismatch.
        is_trusted: whether the program may trust the environment that it gets.
        is_mapped: whether its domain may map both as they were decided about, and no more is to be asked.
        words: what the kernel puts in front of its arguments; nothing where it is no interpreter of a script.
    """

    caller: Caller
    image: tuple[int, int]
    loader: tuple[int, int]
    state: TaskState
    path: str
    is_trusted: bool
    is_mapped: bool
    words: tuple[bytes, ...] = ()


class UnmappedError(OSError):
    """A program that runs already may not be mapped by the domain that it runs in."""


class ExecsUnderWay:
    """The execs of a box that were decided about and have not come to an end.

    Args:
        box: the box.
        inheritance: decides about descriptors that come into another domain.
        transitions: what leads from domain to domain.
        entering: what a program in another domain loses.
    """

    def __init__(self, box: Box, inheritance: Inheritance, transitions: Transitions, entering: Entering) -> None:
        self._box = box
        self._inheritance = inheritance
        self._transitions = transitions
        self._entering = entering
        self._calls = box.recorder.calls
        self._pending: dict[int, Pending] = {}
        self.started = False
        """Whether the first program runs, or ever did."""

    def begin(self, pending: Pending) -> None:
        """Let a task run a program, held until that is in place.

        Raises:
            OSError: EPERM where it cannot be held.
        """
        caller = pending.caller
        # What is kept of its credentials does not outlive the exec, in which programs gain and lose capabilities. It is
        # forgotten now, while the task's ids are still those by which the supervisor reaches it.
        current = self._box.tasks.state_of(caller.tid) if caller.state.credentials_changed else None
        if current is not None and current.credentials is not None:
            self._box.tasks.set_state(caller.tid, current._replace(credentials=None))
        if not self._hold(pending):
            return
        # The interruption takes effect where an exec that fails would return; one that succeeds reports before it.
        ptrace(PTRACE_INTERRUPT, caller.tid)
        self._pending[caller.tid] = pending
        if pending.state.sid != caller.state.sid:
            self._box.tasks.await_domain(caller.tid, pending.state.sid)
        self._box.memory.forget(caller.tid)
        self._box.listener.let_continue(caller.id)

    def _hold(self, pending: Pending, *, again: bool = True) -> bool:
        """Trace a task; one that a program of the box traces goes on by itself, which is False.

        Args:
            pending: its exec.
            again: whether to try once more where its tracer has ended by now.

        Raises:
            OSError: EPERM where it cannot be traced.
        """
        tid = pending.caller.tid
        try:
            self._seize(tid)
        except ProcessLookupError:
            raise  # it was killed meanwhile
        except OSError as error:
            if self._box.traces.are_any and again:
                from selbox.enforce.calls.tracedexecution import let_traced_run  # few boxes have tracers

                return not let_traced_run(self._box, pending, self._commit) and self._hold(pending, again=False)
            words = f"no program can be started here: ptrace, which proves what runs, is refused ({error.strerror})"
            self._box.recorder.hindrances[words] = None
            raise
        return True

    def _seize(self, tid: int) -> None:
        """Trace a task, also where the supervisor of another box holds it for a moment (:func:`targets.held`).

        Raises:
            OSError: EPERM where it cannot be traced, or is by who does not let go of it.
        """
        until = monotonic() + _HELD_SECONDS
        while True:
            try:
                seize(tid, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)
            except PermissionError:
                if monotonic() >= until or self._box.tasks.state_of(tracer_of(tid)) is not None:
                    raise
                sleep(_LOOK_SECONDS)
            else:
                return

    def has_others(self, tid: int) -> bool:
        """Tell whether other threads of a task's process are held for their execs, so that it can itself not be."""
        if not self._pending or has_one_thread(tid):
            return False
        process = thread_group(tid)
        return any(each != tid and thread_group(each) == process for each in self._pending)

    def holds(self, tid: int) -> bool:
        """Tell whether a task is held while its exec is carried out."""
        return tid in self._pending

    def stopped(self, pid: int, status: int) -> None:
        """Take a stop of a held task, as ``waitpid`` reported it."""
        event = status >> 16
        if event == PTRACE_EVENT_EXEC:
            # In a process of several threads the caller takes over the leader's id.
            former = ptrace_event_message(pid)
            pending = self._pending.pop(former, None)
            if former != pid:
                self._pending.pop(pid, None)
            self._box.memory.forget(former)
            self._box.memory.forget(pid)
            self._verify(pid, pending)
            return
        self._forget(pid)
        # Without an event it is the delivery of a signal, which the tracer has to carry out.
        deliver = os.WSTOPSIG(status) if event == 0 else 0
        _detach(pid, deliver)

    def _verify(self, pid: int, pending: Pending | None) -> None:
        if pending is None or not is_image(pid, pending):
            self._box.recorder.intruder(pid, pending.path if pending else "")
            os.kill(pid, signal.SIGKILL)
            return
        try:
            self._commit(pid, pending, is_held=True)
        except UnmappedError:
            _end_by_fault(pid)
            return
        except OSError:
            os.kill(pid, signal.SIGKILL)
            return
        self.started = True
        self._box.tasks.forget_domain(pid, whole=True)
        if not self._box.redirections.take_over(pid):
            _detach(pid, 0)

    def _commit(self, pid: int, pending: Pending, *, is_held: bool) -> None:
        """Make a program that was proven to be the decided one what it is from now on, before its first instruction.

        Args:
            pid: the task.
            pending: its exec.
            is_held: whether the supervisor traces it.

        Raises:
            OSError: when it must not go on.
        """
        old, state = pending.caller.state, self._settled(pid, pending)
        program = NewProgram(self._box, pid, is_held=is_held)
        self._inheritance.verify(pid, old, state)
        if state.sid != old.sid and not old.is_launcher:
            self._entering.enter(pending.caller, program, state.sid, pending.is_trusted)
        if not is_held and not tracer_where_stopped(pid):
            raise OSError(errno.ESRCH, "its tracer let it go")
        # The label comes last: whatever went on before had the old one.
        if self._box.tasks.state_of(pid) != state:
            self._label(program, state)
        program.finish()
        if not pending.is_mapped:
            self._check_mapped(pid, pending)
        if self._calls is not None:
            self._calls.executed(pending.caller.tid, pid, state)

    def _check_mapped(self, pid: int, pending: Pending) -> None:
        caller = pending.caller._replace(tid=pid, command=command_of(pending.path))
        image, loader, sid = pending.image, pending.loader, pending.state.sid
        files, written_and_run = new_memory(pid, image, loader)
        with own_capabilities():
            descriptors = {image: os.open(f"/proc/{pid}/exe", O_PATH | os.O_CLOEXEC)}
        try:
            if loader in files and loader != image:
                descriptors[loader] = open_origin(pid, mapping_of(files[loader]))
            for each, descriptor in descriptors.items():
                self._transitions.check_mapped(caller, sid, descriptor, is_written=each in written_and_run)
        except AccessDenied:
            raise UnmappedError from None
        finally:
            for descriptor in descriptors.values():
                os.close(descriptor)

    def _settled(self, pid: int, pending: Pending) -> TaskState:
        """Return the state of a program with what threads changed of its process while its exec was under way.

        Raises:
            OSError: when it may not come into its domain with that.
        """
        old, state, now = pending.caller.state, pending.state, self._box.tasks.state_of(pid)
        if now is None:
            raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))
        if state.sid != old.sid:
            self._transitions.check_changed(pending.caller, state.sid, now)
        return state._replace(
            no_new_privileges=now.no_new_privileges,
            root_changed=now.root_changed,
            numbers_changed=now.numbers_changed,
            shares_directories=now.shares_directories,
        )

    def _label(self, program: NewProgram, state: TaskState) -> None:
        """Give a program its state, by itself where nobody else can: a set-user-id program has several user ids."""
        tasks = self._box.tasks
        try:
            tasks.set_state(program.pid, state)
        except PermissionError:
            program.set_limit(RLIMIT_RTTIME, Limit(tasks.limit_for(state)[0], INFINITY))
            if tasks.state_of(program.pid) != state:
                raise

    def exited(self, pid: int) -> None:
        """Forget a task that ended while it was held."""
        self._forget(pid)
        self._box.tasks.forget_domain(pid, whole=True)

    def _forget(self, tid: int) -> None:
        self._box.tasks.forget_domain(tid)
        if self._pending.pop(tid, None) is not None and self._calls is not None:
            self._calls.failed(tid)


def is_image(pid: int, pending: Pending) -> bool:
    """Tell whether a task runs the program that was decided about, by its loader, and for the script that was."""
    try:
        running = os.stat(f"/proc/{pid}/exe")
        if (running.st_dev, running.st_ino) != pending.image or not _is_loaded(pid, pending):
            return False
    except OSError:
        return False
    return not pending.words or begins_with(pid, pending.words)


def _is_loaded(pid: int, pending: Pending) -> bool:
    """Tell whether a new program's memory is from its own file and the loader's that was decided about, and no other.

    Where no more is asked about it, none of it is both written and run.

    Raises:
        OSError: when it is gone, or that cannot be told.
    """
    image, loader = pending.image, pending.loader
    files, written_and_run = new_memory(pid, image, loader)
    if written_and_run and pending.is_mapped and not pending.caller.state.is_launcher:
        return False
    return files.keys() <= {image, loader} and (loader == NO_LOADER or loader in files)


def _end_by_fault(pid: int) -> None:
    """End a held program that cannot be mapped by the signal that the kernel sends it, or else by the surest one."""
    avoided = ignored_signals(pid) | blocked_signals(pid)
    if avoided >> signal.SIGSEGV - 1 & 1:
        os.kill(pid, signal.SIGKILL)
        return
    os.kill(pid, signal.SIGSEGV)
    with suppress(ProcessLookupError):
        ptrace(PTRACE_CONT, pid, 0, 0)  # it stops for the signal, and is let go with it


def _detach(pid: int, deliver: int) -> None:
    with suppress(ProcessLookupError):
        ptrace(PTRACE_DETACH, pid, 0, deliver)
