"""Running programs: the domain that follows, the checks, and the proof that the kernel ran what was decided.

The kernel reads the path of ``execve`` from the caller's memory once more when the call continues, and another
thread may have changed it. So the caller is held by ``ptrace`` until the kernel reports that the new program is in
place (``PTRACE_EVENT_EXEC``), which is before its first instruction. Only if it is the very file that was decided
about does the task get its new label and go on; otherwise it is killed. A task that a program of the box traces is held
by that one (:mod:`selbox.enforce.calls.tracedexecution`).
"""

import errno
import os
import signal
import stat
from contextlib import suppress
from time import monotonic, sleep

from selbox.enforce.answer import ANSWERED, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.calls.entering import Entering
from selbox.enforce.calls.inheritance import Inheritance, command_of
from selbox.enforce.calls.transitions import Transitions
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.forks import check_entered
from selbox.enforce.labels import path_of
from selbox.enforce.linux import (
    AT_EMPTY_PATH,
    AT_FDCWD,
    AT_SYMLINK_NOFOLLOW,
    O_PATH,
    PTRACE_CONT,
    PTRACE_DETACH,
    PTRACE_EVENT_EXEC,
    PTRACE_INTERRUPT,
    PTRACE_O_EXITKILL,
    PTRACE_O_TRACEEXEC,
    PTRACE_SEIZE,
    WALL,
    ptrace,
    ptrace_event_message,
)
from selbox.enforce.monitor import AccessDenied
from selbox.enforce.newprograms import NewProgram
from selbox.enforce.registers import signed
from selbox.enforce.resourcelimits import Limit
from selbox.enforce.scripts import HEAD_SIZE, begins_with, interpreter_line, named_at
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.parts.limits import RLIMIT_RTTIME
from selbox.enforce.tasks import (
    INFINITY,
    TaskState,
    blocked_signals,
    ignored_signals,
    tracer_of,
    tracer_where_stopped,
)
from selbox.enforce.walks import Located
from selbox.typing import Final, NamedTuple

_ELF: Final = b"\x7fELF"
_REMEMBERED: Final = 1024
_MAX_INTERPRETERS: Final = 4
_HELD_SECONDS: Final = 0.05
_LOOK_SECONDS: Final = 0.0002
_EXECUTABLE: Final = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


class Pending(NamedTuple):
    """An exec that the kernel is carrying out.

    Attributes:
        caller: who made the call.
        image: device and inode number of the program that may run.
        state: the state that the task has once it runs.
        path: what was asked for, for the record of a mismatch.
        is_trusted: whether the program may trust the environment that it gets.
        is_mapped: whether it is certain that its domain may map it.
        words: what the kernel puts in front of its arguments; nothing where it is no interpreter of a script.
    """

    caller: Caller
    image: tuple[int, int]
    state: TaskState
    path: str
    is_trusted: bool
    is_mapped: bool
    words: tuple[bytes, ...] = ()


class UnmappedError(OSError):
    """A program that runs already may not be mapped by the domain that it runs in."""


class ExecutionCalls:
    """``execve`` and ``execveat``.

    Args:
        box: the box.
        inheritance: decides about descriptors that come into another domain.
        initial_sid: the context in which the first program runs, whatever transition there is; None for the
            policy's own transition from where the launcher stands.
    """

    def __init__(self, box: Box, inheritance: Inheritance, initial_sid: int | None) -> None:
        self._box = box
        self._inheritance = inheritance
        self._initial_sid = initial_sid
        self._calls = box.recorder.calls
        self._transitions = Transitions(box)
        self._entering = Entering(box)
        self._pending: dict[int, Pending] = {}
        self._heads: dict[tuple[int, int, int, int, int], bytes] = {}
        self.refused: OSError | None = None
        """Why the first program was not run, where the supervisor refused to."""
        self.started = False
        """Whether the first program runs, or ever did."""

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls."""
        return {
            "execve": self.execve,
            "execveat": self.execveat,
        }

    def execve(self, caller: Caller, arguments: Arguments) -> int:
        """``execve(path, argv, envp)``."""
        path = self._box.memory.read_string(caller.tid, arguments[0])
        if self._execute_quietly(caller, path):
            return ANSWERED
        try:
            return self._execute(caller, self._box.walker.locate(caller, AT_FDCWD, path, parent=False), path)
        except OSError as error:
            if caller.state.is_launcher:
                self.refused = error
            raise

    def execveat(self, caller: Caller, arguments: Arguments) -> int:
        """``execveat(directory, path, argv, envp, flags)``."""
        flags = arguments[4] & 0xFFFFFFFF
        path = self._box.memory.read_string(caller.tid, arguments[1])
        if not path and not flags & AT_EMPTY_PATH:
            return -errno.ENOENT
        if flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW):
            return -errno.EINVAL
        if not path and flags & AT_EMPTY_PATH:
            descriptor = self._box.walker.start_of(caller, arguments[0])
            located = Located(-1, b"", descriptor, os.fstat(descriptor))
        else:
            follow = not flags & AT_SYMLINK_NOFOLLOW
            located = self._box.walker.locate(caller, arguments[0], path, follow=follow, parent=False)
        return self._execute(caller, located, path, named_at(signed(arguments[0]), path))

    def _execute_quietly(self, caller: Caller, path: bytes) -> bool:
        """Run a program that everybody may execute and that policy lets the caller run in its own domain, silently.

        Nothing is opened: another file than was looked at is noticed when it runs.

        Returns:
            False where there is more to ask, or the program was not met before.
        """
        box, old = self._box, caller.state
        if old.is_launcher or old.next_labels.exec_sid:
            return False
        look = box.walker.look(caller, AT_FDCWD, path, follow=True)
        if look is None:
            return False
        status = look.status
        if (
            not stat.S_ISREG(status.st_mode)
            or status.st_mode & _EXECUTABLE != _EXECUTABLE
            or not self._heads.get(_version(status), b"").startswith(_ELF)
            or not self._transitions.stays_quietly(old.sid, box.labels.lasting((status.st_dev, status.st_ino)))
            or not os.access(path, os.X_OK, dir_fd=look.start, effective_ids=True)
        ):
            return False
        device_and_inode = status.st_dev, status.st_ino
        self._let_run(
            Pending(caller, device_and_inode, _state_after(old, old.sid, status), os.fsdecode(path), True, True)
        )
        return True

    def _execute(self, caller: Caller, located: Located, path: bytes, shown: bytes | None = None) -> int:
        """Run what was found at a path, by which a script is shown to its interpreter unless another name is given."""
        status = located.found
        if stat.S_ISLNK(status.st_mode):
            return -errno.ELOOP
        if located.must_be_directory and not stat.S_ISDIR(status.st_mode):
            return -errno.ENOTDIR
        self._may_run(located.object, status)
        self._box.walker.privileges.check_mode(caller, status, os.X_OK)
        told = self._told_sid(caller)
        sid = self._transitions.new_sid(caller, located.object, status) if told is None else told
        check_entered(self._box, caller, sid)
        image, image_status, words = self._image(caller, located.object, status, path if shown is None else shown)
        old = caller.state
        state = _state_after(old, sid, status)
        is_trusted = True
        name = os.fsdecode(path) or path_of(image)
        if old.is_launcher:
            self._inheritance.adopt(caller, sid)
        elif sid != old.sid:
            is_trusted = self._entering.is_trusted(caller, sid)
            self._inheritance.release(caller, sid, name)
        device_and_inode = image_status.st_dev, image_status.st_ino
        self._let_run(Pending(caller, device_and_inode, state, name, is_trusted, old.is_launcher, words))
        return ANSWERED

    def _may_run(self, descriptor: int, status: os.stat_result) -> None:
        """Ask the ordinary permissions, so that what they deny is no event for policy."""
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        if not status.st_mode & _EXECUTABLE:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        if not os.access(f"/proc/self/fd/{descriptor}", os.X_OK, effective_ids=True):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    def _told_sid(self, caller: Caller) -> int | None:
        """Return the SID in which the user wants the first program; None for every other program."""
        return self._initial_sid if caller.state.is_launcher else None

    def _image(
        self, caller: Caller, descriptor: int, status: os.stat_result, name: bytes
    ) -> tuple[int, os.stat_result, tuple[bytes, ...]]:
        """Return the file that will be mapped, the program itself or the interpreter of a script, and its first words.

        Source: the kernel's ``load_script``; the interpreter is opened with the caller's old rights.
        """
        words: tuple[bytes, ...] = ()
        for _ in range(_MAX_INTERPRETERS + 1):
            head = self._head(descriptor, status)
            if head.startswith(_ELF):
                return descriptor, status, words
            line = interpreter_line(head)
            words = (*line, name, *words[1:])
            name = line[0]
            located = self._box.walker.locate(caller, AT_FDCWD, name, parent=False)
            status = located.found
            descriptor = located.object
            self._may_run(descriptor, status)
            if self._told_sid(caller) is None:
                sid = self._box.labels.sid_of(descriptor, status, caller)
                self._transitions.check_readable(caller, descriptor, sid)
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))

    def _head(self, descriptor: int, status: os.stat_result) -> bytes:
        """Return the beginning of a program, which tells its kind.

        It is read once for each version of a file. Should that be missed, another file is mapped than was decided
        about, and the task is killed.
        """
        version = _version(status)
        head = self._heads.get(version)
        if head is None:
            if len(self._heads) >= _REMEMBERED:
                self._heads.clear()
            head = self._heads[version] = self._read_head(descriptor)
        return head

    def _read_head(self, descriptor: int) -> bytes:
        try:
            # Who has a lease on it is not waited for: EAGAIN.
            opened = self._box.descriptors.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_NONBLOCK)
        except PermissionError:
            # A program that may be run and not read: it is no script, since nobody could interpret it.
            return _ELF
        return os.pread(opened, HEAD_SIZE, 0)

    def _let_run(self, pending: Pending) -> None:
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
                ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)
            except PermissionError:
                if monotonic() >= until or self._box.tasks.state_of(tracer_of(tid)) is not None:
                    raise
                sleep(_LOOK_SECONDS)
            else:
                return

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
        with own_capabilities():
            descriptor = os.open(f"/proc/{pid}/exe", O_PATH | os.O_CLOEXEC)
        try:
            caller = pending.caller._replace(tid=pid, command=command_of(pending.path))
            self._transitions.check_mapped(caller, pending.state.sid, descriptor)
        except AccessDenied:
            raise UnmappedError from None
        finally:
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
    """Tell whether a task runs the program that was decided about, and for the script that was."""
    try:
        running = os.stat(f"/proc/{pid}/exe")
    except OSError:
        return False
    return (running.st_dev, running.st_ino) == pending.image and (not pending.words or begins_with(pid, pending.words))


def _end_by_fault(pid: int) -> None:
    """End a held program that cannot be mapped by the signal that the kernel sends it, or else by the surest one."""
    avoided = ignored_signals(pid) | blocked_signals(pid)
    if avoided >> signal.SIGSEGV - 1 & 1:
        os.kill(pid, signal.SIGKILL)
        return
    os.kill(pid, signal.SIGSEGV)
    with suppress(ProcessLookupError):
        ptrace(PTRACE_CONT, pid, 0, 0)  # it stops for the signal, and is let go with it


def _state_after(old: TaskState, sid: int, status: os.stat_result) -> TaskState:
    """Return the state of a task in which a program runs, by the status of the program's file."""
    return TaskState(
        sid=sid,
        previous=old.sid,
        no_new_privileges=old.no_new_privileges,
        credentials_changed=old.credentials_changed or bool(status.st_mode & (stat.S_ISUID | stat.S_ISGID)),
        root_changed=old.root_changed,
        numbers_changed=old.numbers_changed,
        shares_directories=old.shares_directories,
        session_keyring=old.session_keyring,
    )


def _version(status: os.stat_result) -> tuple[int, int, int, int, int]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _detach(pid: int, deliver: int) -> None:
    with suppress(ProcessLookupError):
        ptrace(PTRACE_DETACH, pid, 0, deliver)


WAIT_OPTIONS: Final = os.WNOHANG | WALL
"""Options of the ``waitpid`` that reports stops of held tasks, threads among them."""
