"""Callers that wait for a socket: one loop for all of them, and no thread for each.

A caller that dies or has a signal to handle breaks its wait off. The kernel would do the same, but here the caller
waits in the notification and not for the socket, so that one thread looks after all who wait.
"""

import errno
import os
import select
import threading
from collections.abc import Callable
from time import monotonic

from selbox.diagnostics import SelboxError
from selbox.enforce.caller import Caller
from selbox.enforce.descriptors import Descriptors
from selbox.enforce.linux import pending_signals
from selbox.enforce.seccomp.listener import Listener
from selbox.enforce.workers import ERESTARTSYS
from selbox.typing import Final, NamedTuple

_POLL_SECONDS: Final = 0.05
_SECONDS_EACH: Final = 0.001

Attempt = Callable[[], int | None]
"""Tries what is waited for: its result, or None where there is still nothing; OSError is an errno."""


class _Wait(NamedTuple):
    """A caller that waits.

    Attributes:
        caller: the task.
        attempt: made each time that there may be something.
        until: when it has waited long enough; None for never.
        kept: descriptors that live as long.
    """

    caller: Caller
    attempt: Attempt
    until: float | None
    kept: list[int]


class Waits:
    """All waiting callers.

    Args:
        listener: answers them.
        descriptors: those of an attempt.

    Attributes:
        descriptor: can be read when :meth:`take` is to be called, by the thread that handles calls.
    """

    def __init__(self, listener: Listener, descriptors: Descriptors) -> None:
        self._listener = listener
        self._descriptors = descriptors
        self._epoll = select.epoll()
        self.descriptor = self._epoll.fileno()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll.register(self._wake, select.EPOLLIN)
        self._waiting: dict[int, _Wait] = {}
        self._ended: list[tuple[int, int, int]] = []
        self._some = threading.Event()
        self._watcher: threading.Thread | None = None

    def start(self, caller: Caller, descriptor: int, attempt: Attempt, seconds: float) -> None:
        """Answer a caller as soon as an attempt comes to something.

        Args:
            caller: the stopped task; all descriptors of its call are kept as long.
            descriptor: the supervisor's copy of a socket; attempts are made when it can be read.
            attempt: what to do then.
            seconds: how long to wait at most, for EAGAIN then; 0 for ever.
        """
        wait = _Wait(caller, attempt, monotonic() + seconds if seconds else None, self._descriptors.keep_all())
        self._waiting[descriptor] = wait
        self._epoll.register(descriptor, select.EPOLLIN)
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._watch, daemon=True)
            self._watcher.start()
        self._some.set()

    def take(self) -> None:
        """Make the attempts that may come to something, and end the waits that are to end."""
        for descriptor, _ in self._epoll.poll(0):
            if descriptor == self._wake:
                os.eventfd_read(self._wake)
                continue
            wait = self._waiting.get(descriptor)
            if wait is not None:
                self._attempt(descriptor, wait)
        while self._ended:
            descriptor, id_, number = self._ended.pop()
            wait = self._waiting.get(descriptor)
            if wait is not None and wait.caller.id == id_:
                self._end(descriptor, wait, -number)

    def _attempt(self, descriptor: int, wait: _Wait) -> None:
        try:
            result = wait.attempt()
        except OSError as error:
            result = -(error.errno or errno.EIO)
        except SelboxError:
            result = -errno.EACCES
        finally:
            self._descriptors.close_all()
        if result is not None:
            self._end(descriptor, wait, result)

    def _end(self, descriptor: int, wait: _Wait, result: int) -> None:
        self._epoll.unregister(descriptor)
        del self._waiting[descriptor]
        for each in wait.kept:
            os.close(each)
        if not self._waiting:
            self._some.clear()
        self._listener.give_result(wait.caller.id, result)

    def _watch(self) -> None:
        """Look for signals, and for time that is up, as long as there is a box."""
        while True:
            self._some.wait()
            waiting = list(self._waiting.items())
            ended = []
            for descriptor, wait in waiting:
                if wait.until is not None and monotonic() >= wait.until:
                    ended.append((descriptor, wait.caller.id, errno.EAGAIN))
                elif not self._listener.is_valid(wait.caller.id) or pending_signals(wait.caller.tid):
                    ended.append((descriptor, wait.caller.id, ERESTARTSYS))
            if ended:
                self._ended += ended
                os.eventfd_write(self._wake, 1)
            threading.Event().wait(max(_POLL_SECONDS, len(waiting) * _SECONDS_EACH))

    def close(self) -> None:
        """Close what belongs to waits."""
        for wait in self._waiting.values():
            for each in wait.kept:
                os.close(each)
        self._waiting.clear()
        self._some.clear()
        self._epoll.close()
