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
from selbox.typing import Final, NamedTuple

ERESTARTSYS: Final = 512
"""Answered to a caller that has a signal to handle: the kernel runs the handler and makes the call again."""

_POLL_SECONDS: Final = 0.05
_SECONDS_EACH: Final = 0.001


class _Running(NamedTuple):
    """An operation that is not over.

    Attributes:
        caller: who waits for it.
        worker: the thread that does it.
        ending: held while that ends, or while it is signalled.
    """

    caller: Caller
    worker: threading.Thread
    ending: threading.Lock


class Workers:
    """Runs blocking operations, one thread each, and answers their callers.

    A caller that dies or has a signal to handle breaks its operation off. The kernel would do the same, but here the
    caller waits in the notification and not in the operation, so one thread looks after all who wait, less often where
    they are very many.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._running: dict[int, _Running] = {}
        self._changing = threading.Lock()
        self._some = threading.Event()
        self._watcher: threading.Thread | None = None

    def start(self, caller: Caller, operation: Callable[[], None]) -> None:
        """Run an operation that answers the caller itself, or raises OSError that does.

        Args:
            caller: the stopped task.
            operation: must end with EINTR when the worker's thread gets :data:`WAKE_SIGNAL`.

        Raises:
            OSError: EAGAIN when there may be no more threads.
        """
        ending = threading.Lock()

        def work() -> None:
            try:
                operation()
            except OSError as error:
                number = ERESTARTSYS if error.errno == errno.EINTR else error.errno or errno.EIO
                self._listener.give_result(caller.id, -number)
            finally:
                with ending:
                    self._forget(caller)

        worker = threading.Thread(target=work, daemon=True)
        with self._changing:
            self._running[caller.id] = _Running(caller, worker, ending)
            self._some.set()
        try:
            worker.start()
        except RuntimeError:  # there may be no more threads
            self._forget(caller)
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from None
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._watch, daemon=True)
            self._watcher.start()

    def _forget(self, caller: Caller) -> None:
        with self._changing:
            del self._running[caller.id]
            if not self._running:
                self._some.clear()

    def _watch(self) -> None:
        while True:
            self._some.wait()
            threading.Event().wait(max(_POLL_SECONDS, len(self._running) * _SECONDS_EACH))
            for each in list(self._running.values()):
                if self._listener.is_valid(each.caller.id) and not pending_signals(each.caller.tid):
                    continue
                with each.ending:  # the thread cannot end meanwhile, so the signal reaches it and no other
                    if each.caller.id in self._running and each.worker.ident is not None:
                        signal.pthread_kill(each.worker.ident, WAKE_SIGNAL)

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
