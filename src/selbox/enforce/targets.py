"""Other tasks as what a call is about: asked about, looked at and changed without ever meaning a third one.

A call names a task by number, and the number of a task that has ended is given to another one some day. A hostile
program can bring that day about between a check and its effect. So a task is looked at by the supervisor itself, which
sees afterwards that the label is still the one that it checked; and a task that is to be changed is held by ``ptrace``
meanwhile: what is traced keeps its number even when it dies. The caller itself, and the leader of its threads, cannot
go away while it waits, and are neither held nor looked at twice.
"""

import errno
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.credentials import acting_as, own_capabilities, read_identity, read_ids
from selbox.enforce.linux import PTRACE_SEIZE, ptrace
from selbox.enforce.pidnumbers import check_visible, meant_by
from selbox.enforce.tasks import has_one_thread, label_number, read_proc, thread_group, tracer_of, tracer_where_stopped
from selbox.typing import Final, TypeVar

_CAP_SYS_NICE = 1 << 23
_MAX_ATTEMPTS = 8
_ENDED: Final = (b"Z", b"X")
"""States, in ``/proc``, of a task that has ended and was not waited for."""
_SECONDS = 1.0
"""How long somebody may have to wait for a task whose process runs a program, before it can be held."""

T = TypeVar("T")


class Targets:
    """The tasks that calls name."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def named(self, caller: Caller, number: int) -> int:
        """Return the task that a caller calls by a number: 0 is itself.

        Raises:
            OSError: EINVAL for a negative number, ESRCH when there is no such task.
        """
        if number < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if number == 0:
            return caller.tid
        tid = meant_by(caller, number)
        if not tid or not os.path.exists(f"/proc/{tid}"):
            raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))
        return tid

    def is_own(self, caller: Caller, tid: int) -> bool:
        """Tell whether a task is the caller, or the leader of its threads."""
        return tid == caller.tid or tid == thread_group(caller.tid)

    def check(self, caller: Caller, tid: int, *permissions: str) -> int:
        """Check permissions of class process; return the task's SID.

        Raises:
            AccessDenied: when policy denies one.
            OSError: EPERM for a change of the supervisor.
        """
        sid = caller.state.sid if tid == caller.tid else self._box.labels.task_sid(tid)
        self._box.monitor.check(caller, sid, "process", permissions, dict)
        if sid == self._box.labels.outside and not permissions[0].startswith("get"):
            keep_off(self._box, tid)
        return sid

    def look(self, caller: Caller, tid: int, permission: str, operation: Callable[[], T]) -> T:
        """Check a permission and return what an operation sees of the very task that was checked.

        Raises:
            OSError: ESRCH when the number does not keep meaning one task; EACCES, or what the operation raises.
        """
        for _ in range(_MAX_ATTEMPTS):
            sid = self.check(caller, tid, permission)
            result = operation()
            if tid == caller.tid:
                return result
            check_visible(caller, tid)
            if self._box.labels.task_sid(tid) == sid:
                return result
        raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))

    def change(self, caller: Caller, tid: int, permission: str, operation: Callable[[], T]) -> T:
        """Check a permission and do an operation to the very task that was checked, with the caller's credentials.

        What ordinary permissions deny is no event for policy, so ownership is compared first.

        Raises:
            OSError: EPERM for another user's task; EACCES, or what the operation raises.
        """
        with held(tid, caller):
            if not owns(caller, tid):
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))
            self.check(caller, tid, permission)
            with acting_as(read_identity(caller.tid) if caller.state.credentials_changed else None):
                return operation()


def keep_off(box: Box, tid: int) -> None:
    """Let nobody in the box do anything to the supervisor and its watchdog, whatever policy says of what is outside.

    Raises:
        OSError: EPERM for one of them.
    """
    if box.tasks.state_of(tid) is None and thread_group(tid) in (os.getpid(), box.watchdog.pid):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def owns(caller: Caller, tid: int) -> bool:
    """Tell whether a caller may change how a task is scheduled (kernel: ``check_same_owner``, or ``CAP_SYS_NICE``)."""
    user = read_ids(caller.tid).users[1]
    return user in read_ids(tid).users[:2] or bool(read_identity(caller.tid).capabilities & _CAP_SYS_NICE)


@contextmanager
def held(tid: int, caller: Caller) -> Iterator[None]:
    """Have a task keep its number, even when it dies; it runs on and notices nothing.

    A thread of its own traces the task and ends: only then does the kernel let a task go that never stopped. A task
    that the caller traces keeps its number as long as the caller does not wait for it, which it cannot meanwhile where
    it has no other thread.

    Args:
        tid: the task.
        caller: the task in whose call this is.

    Raises:
        OSError: ESRCH for a task that is ending or gone, or that the caller has no number for by now; EPERM for one
            that cannot be held.
    """
    tracer = tracer_of(tid)
    if os.getpid() in (tracer, thread_group(tid)):  # held already for its exec, or the supervisor itself
        yield
        return
    if tracer == caller.tid and has_one_thread(caller.tid):
        yield
        return
    refused: list[OSError] = []
    holds, release = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            ptrace(PTRACE_SEIZE, tid)
        except OSError as error:
            refused.append(error)
        holds.set()
        release.wait()

    holder = threading.Thread(target=hold, daemon=True)
    with own_capabilities():
        holder.start()
    if not holds.wait(_SECONDS):
        release.set()  # lets it go again as soon as the kernel lets it be held
        raise OSError(errno.EPERM, "it is about to run a program, and waits for somebody")
    try:
        if refused:
            raise refused[0]
        check_visible(caller, tid)
        yield
    finally:
        release.set()
        holder.join()
        # Python is done with the thread a little before the kernel is; till then nobody else could trace the task.
        while is_ending(holder.native_id or 0):
            os.sched_yield()


def is_ending(tid: int) -> bool:
    """Tell whether the kernel is not done with a thread of the supervisor's own that is ending.

    A program of the box may trace it, which meant a task that had its number before, and waits for the supervisor now.
    Then the thread stays behind as a zombie, which holds nobody any more; a tracer that has it stopped is killed.
    """
    stat = read_proc(f"/proc/self/task/{tid}/stat")
    tracer = tracer_where_stopped(tid) if stat else 0
    if tracer:
        with own_capabilities(), suppress(OSError):  # it is gone
            if label_number(tracer) is not None:
                os.kill(tracer, signal.SIGKILL)
    return bool(stat) and stat[stat.rfind(b")") + 2 :][:1] not in _ENDED
