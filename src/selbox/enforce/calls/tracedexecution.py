"""The exec of a task that a program of the box traces, and its proof.

Nobody but its tracer can hold such a task, so the supervisor uses that: a task that is sure to stop when it has run a
program can leave that stop only by a request of its tracer, which is a call that the supervisor is asked about. Before
it lets the first one go on, it looks whether the program is the one that was decided about, and gives the task its
label. Should the task go on by itself, since its tracer has ended, it is killed; until then it had its old label.

Whether an exec took place is seen without the kernel's word for it: by the flag of tasks that ran nothing since they
were forked; else by the memory that the task had, of which nothing is left.

Source: the kernel's ``begin_new_exec``, ``ptrace_event``, ``exit_ptrace``; ``selinux_bprm_creds_for_exec``.
"""

import errno
import os
import signal
from contextlib import suppress

from selbox.enforce.box import Box
from selbox.enforce.calls.execsunderway import Pending, is_image
from selbox.enforce.calls.transitions import check_tracer
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.pidfds import PIDFD_THREAD
from selbox.enforce.tasks import has_ended, never_ran, start_of_process, thread_group, tracer_of, tracer_where_stopped
from selbox.typing import Final, Protocol

_SOMEWHERE: Final = 4096
_MANY: Final = 64
"""Proofs that may be left over of tasks that were killed, before somebody looks."""


class _Commit(Protocol):
    """Makes a program what it is from now on (:class:`ExecutionCalls`)."""

    def __call__(self, pid: int, pending: Pending, *, is_held: bool) -> None: ...


def let_traced_run(box: Box, pending: Pending, commit: _Commit) -> bool:
    """Let a traced task go on with its exec, and see to it that it is proven; False where its tracer is gone.

    Raises:
        OSError: EPERM where its tracer is outside the box or may not trace the new domain, or where it would not
            stop.
    """
    caller, new = pending.caller, pending.state.sid
    tracer = tracer_of(caller.tid)
    if not tracer:
        return False
    reason = _why_unproven(box, tracer, caller.tid)
    if reason and tracer_of(caller.tid) != tracer:
        return False  # it has ended meanwhile, and with it what was known of it
    if reason:
        raise _refused(box, reason)
    if new != caller.state.sid:
        check_tracer(box, caller, tracer, new)
    if len(box.traces.proofs) >= _MANY:
        for each in list(box.traces.proofs.values()):
            each.forget_ended()
    try:
        proof = TracedExec(box, pending, tracer, commit)
    except ProcessLookupError:
        return False
    box.traces.proofs[proof.pid] = proof
    if new != caller.state.sid:
        box.tasks.await_domain(caller.tid, new)
    box.memory.forget(caller.tid)
    box.listener.let_continue(caller.id)
    return True


def _why_unproven(box: Box, tracer: int, tid: int) -> str:
    """Return why the exec of a traced task could not be proven; empty when it can be."""
    if box.tasks.state_of(tracer) is None:
        return "it is traced from outside the box"
    if not box.traces.stops_at_exec(tracer, tid):
        return "its tracer does not ask for PTRACE_O_TRACEEXEC"
    return ""


def _refused(box: Box, reason: str) -> OSError:
    box.recorder.hindrances[f"a program was not started: {reason}"] = None
    return OSError(errno.EPERM, os.strerror(errno.EPERM))


class TracedExec:
    """One exec, from its decision to its proof.

    Attributes:
        pid: the process.
    """

    def __init__(self, box: Box, pending: Pending, tracer: int, commit: _Commit) -> None:
        tid = pending.caller.tid
        self.pid = thread_group(tid)
        self._box = box
        self._pending = pending
        self._tracer = tracer
        self._commit = commit
        self._started = start_of_process(self.pid)
        self._never_ran = never_ran(tid)
        with own_capabilities():
            self._memory = os.open(f"/proc/{tid}/mem", os.O_RDONLY | os.O_CLOEXEC)
            self._process = os.pidfd_open(self.pid)
            try:
                self._pidfd = _pidfd_of(tracer)
            except OSError:
                os.close(self._memory)
                os.close(self._process)
                raise
        box.traces.watch(self._pidfd, self._abandoned)

    def settle(self, tid: int, call: int) -> bool:
        """Find out what became of it; tell whether a call that concerns a task of the process may go on.

        Args:
            tid: the task.
            call: the notification of a call that it makes; 0 where its tracer makes a request about it.
        """
        if start_of_process(self.pid) != self._started:
            self._end()  # it is gone, and its number is another's
            return True
        own = self._pending.caller.tid
        # Who stands in a stop stays there meanwhile, so what is seen next is what it stopped for.
        is_over = tid == own and (call != 0 or tracer_where_stopped(own) == self._tracer)
        is_stopped = tracer_where_stopped(self.pid) == self._tracer
        with own_capabilities():
            if not self._has_run():
                if is_over:
                    self._end()  # it failed
                return is_over or call != 0 or tid != own
            if call:
                if not is_stopped and self._box.listener.is_valid(call):
                    self._abandoned()
            elif is_stopped:
                self._prove()
                self._end()
        return is_stopped or call != 0

    def forget_ended(self) -> None:
        """Forget it where the task has ended."""
        if has_ended(self.pid) or start_of_process(self.pid) != self._started:
            self._end()

    def _has_run(self) -> bool:
        tid = self._pending.caller.tid
        if tid != self.pid and not os.path.exists(f"/proc/{self.pid}/task/{tid}"):
            return True  # the thread took over the number of its process
        if self._never_ran:
            return not never_ran(tid)
        try:
            return not os.pread(self._memory, 1, _SOMEWHERE)
        except OSError:
            return False  # it is there, with nothing at this place

    def _prove(self) -> None:
        pending = self._pending
        if not is_image(self.pid, pending):
            self._box.recorder.intruder(self.pid, pending.path)
            self._kill()
            return
        try:
            self._commit(self.pid, pending, is_held=False)
        except OSError:
            self._kill()

    def _abandoned(self) -> None:
        """Kill a task whose tracer ended before it was proven what it runs."""
        if not has_ended(self.pid) and start_of_process(self.pid) == self._started:
            words = "a traced program was killed: its tracer ended before it was seen what it runs"
            self._box.recorder.hindrances[words] = None
            self._kill()
        self._end()

    def _kill(self) -> None:
        with suppress(ProcessLookupError), own_capabilities():
            signal.pidfd_send_signal(self._process, signal.SIGKILL)

    def _end(self) -> None:
        del self._box.traces.proofs[self.pid]
        self._box.traces.unwatch(self._pidfd)
        self._box.memory.forget(self.pid)
        self._box.tasks.forget_domain(self._pending.caller.tid)
        for each in (self._pidfd, self._memory, self._process):
            os.close(each)


def _pidfd_of(tid: int) -> int:
    """Return a descriptor that tells when a thread has ended; before Linux 6.9, when its process has."""
    try:
        return os.pidfd_open(tid, PIDFD_THREAD)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return os.pidfd_open(thread_group(tid))
