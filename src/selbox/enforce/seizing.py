"""Tracing a task that waits in a call, though other threads of its process may be about to run a program.

The kernel lets nobody begin to trace a thread of a process that is in ``execve``, and has who tries wait. That takes as
long as the other threads need to end, and one that is traced ends only when its tracer has waited for it. The
supervisor must not wait for itself, so a task is not seized while it holds another thread of the same process for its
exec (:meth:`selbox.enforce.calls.execsunderway.ExecsUnderWay.has_others`). Where it is a tracer within the box that
does not wait, the process is killed, which would else never come to run its program.

Source: the kernel's ``ptrace_attach`` and ``de_thread``.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from selbox.enforce.credentials import own_capabilities
from selbox.enforce.linux import PTRACE_SEIZE, ptrace
from selbox.enforce.tasks import has_one_thread, thread_group
from selbox.typing import Final

_SECONDS: Final = 2.0


def seize(tid: int, options: int) -> None:
    """Begin to trace a task that waits for the supervisor in a call of its own.

    Args:
        tid: the task.
        options: ``PTRACE_O_*``.

    Raises:
        OSError: EPERM where it is traced already, or ordinary permissions forbid it; ESRCH when it is gone.
    """
    if has_one_thread(tid):
        ptrace(PTRACE_SEIZE, tid, 0, options)
        return
    with _killed_when_stuck(thread_group(tid)):
        ptrace(PTRACE_SEIZE, tid, 0, options)


@contextmanager
def _killed_when_stuck(pid: int) -> Iterator[None]:
    process, over, lock = os.pidfd_open(pid), threading.Event(), threading.Lock()

    def watch() -> None:
        if over.wait(_SECONDS):
            return
        with lock, suppress(ProcessLookupError):
            if not over.is_set():
                with own_capabilities():
                    signal.pidfd_send_signal(process, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        with lock:
            over.set()
        os.close(process)
