"""Threads for operations that may block, so that one waiting caller never stops the others."""

import errno
import os
import signal
import threading
from collections.abc import Callable

from selbox.enforce.caller import Caller
from selbox.enforce.linux import open_interruptibly, pending_signals
from selbox.enforce.seccomp.listener import Listener
from selbox.enforce.signals import WAKE_SIGNAL
from selbox.typing import Final

ERESTARTSYS: Final = 512
"""Answered to a caller that has a signal to handle: the kernel runs the handler and makes the call again."""

_POLL_SECONDS: Final = 0.05


class Workers:
    """Runs blocking operations, one thread each, and answers their callers.

    A caller that dies or has a signal to handle breaks its operation off. The kernel would do the same, but here
    the caller waits in the notification and not in the operation, so that it has to be watched.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def start(self, caller: Caller, operation: Callable[[], None]) -> None:
        """Run an operation that answers the caller itself, or raises OSError that does.

        Args:
            caller: the stopped task.
            operation: must end with EINTR when the worker's thread gets :data:`WAKE_SIGNAL`.
        """
        done = threading.Event()
        ending = threading.Lock()

        def work() -> None:
            try:
                operation()
            except OSError as error:
                number = ERESTARTSYS if error.errno == errno.EINTR else error.errno or errno.EIO
                self._listener.give_result(caller.id, -number)
            finally:
                with ending:
                    done.set()

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        threading.Thread(target=self._watch, args=(caller, worker, done, ending), daemon=True).start()

    def _watch(self, caller: Caller, worker: threading.Thread, done: threading.Event, ending: threading.Lock) -> None:
        while not done.wait(_POLL_SECONDS):
            if self._listener.is_valid(caller.id) and not pending_signals(caller.tid):
                continue
            with ending:  # the thread cannot end meanwhile, so the signal reaches it and no other
                if not done.is_set() and worker.ident is not None:
                    signal.pthread_kill(worker.ident, WAKE_SIGNAL)

    def open(self, caller: Caller, descriptor: int, flags: int) -> None:
        """Open an ``O_PATH`` descriptor's object, which may block, and hand it to the caller.

        Args:
            caller: the stopped task.
            descriptor: is closed when done.
            flags: of ``open``.
        """

        def operation() -> None:
            try:
                opened = open_interruptibly(f"/proc/self/fd/{descriptor}", flags | os.O_CLOEXEC)
            finally:
                os.close(descriptor)
            try:
                self._listener.give_descriptor(caller.id, opened, flags & os.O_CLOEXEC)
            finally:
                os.close(opened)

        self.start(caller, operation)
