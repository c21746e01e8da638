"""Labels that threads of one process have asked for and their process's first thread has not.

The kernel keeps ``exec``, ``fscreate``, ``keycreate`` and ``sockcreate`` with each thread. What carries the state of a
task here is shared by its threads (:mod:`selbox.enforce.tasks`) and holds what the first thread asked for. The few
threads that asked for something else are listed, and those that they make, until all are alike again.

Source: the kernel's ``selinux_lsm_setattr`` and ``selinux_cred_prepare``.
"""

import os
from collections.abc import Callable

from selbox.enforce.threadmakers import ThreadMakers
from selbox.typing import Final, NamedTuple

_LOOK_FOR_ENDED_AT: Final = 4096


class NextLabels(NamedTuple):
    """SIDs for what a thread makes next, each 0 where it asked for none.

    Attributes:
        exec_sid: for the next program (``attr/exec``).
        create_sid: for new files (``attr/fscreate``).
        key_create_sid: for new keys (``attr/keycreate``).
        socket_create_sid: for new sockets (``attr/sockcreate``).
    """

    exec_sid: int = 0
    create_sid: int = 0
    key_create_sid: int = 0
    socket_create_sid: int = 0


class _Own(NamedTuple):
    """What one thread asked for.

    Attributes:
        process: its process.
        started: when it was started, which tells it from a later thread with its number.
        labels: what it asked for.
    """

    process: int
    started: int
    labels: NextLabels


class ThreadLabels:
    """The list."""

    def __init__(self) -> None:
        self._own: dict[int, _Own] = {}
        self._makers = ThreadMakers()

    def of(self, tid: int, started: int) -> NextLabels | None:
        """Return what a thread asked for; None where it is not listed."""
        own = self._own.get(tid)
        return own.labels if own is not None and own.started == started else None

    def threads_of(self, process: int) -> list[int]:
        """Return the threads of a process that are listed."""
        return [tid for tid, own in self._own.items() if own.process == process]

    def add(self, tid: int, process: int, started: int, labels: NextLabels) -> None:
        """List a thread, or what it asks for now."""
        if len(self._own) >= _LOOK_FOR_ENDED_AT:
            for each in [each for each in self._own if not os.path.exists(f"/proc/{each}")]:
                self._drop(each)
        known = self._own.get(tid)
        self._own[tid] = _Own(process, started, labels)
        if known is None or known.started != started:
            self._makers.watch(tid)

    def follow(self, process: int, start_of: Callable[[int], int]) -> None:
        """List the threads that listed threads of a process have made, as far as that is known: they ask for the same.

        INVARIANT: this is called before a listed thread asks for something else.

        Args:
            process: the process.
            start_of: returns when a thread was started; 0 for one that is gone.
        """
        makers = self.threads_of(process)
        while makers:
            maker = makers.pop()
            for tid in self._makers.made_by(maker, process):
                started = start_of(tid)
                if started and self.of(tid, started) is None:
                    self.add(tid, process, started, self._own[maker].labels)
                    makers.append(tid)

    def keep_different(self, process: int, living: set[int], first: NextLabels) -> bool:
        """Take those off the list that have ended, or ask for what their first thread does; tell whether any is left.

        Args:
            process: whose threads are looked at.
            living: its threads.
            first: what its first thread asks for.
        """
        listed = self.threads_of(process)
        same = [each for each in listed if each not in living or self._own[each].labels == first]
        for each in same:
            self._drop(each)
        return len(same) < len(listed)

    def forget(self, process: int) -> None:
        """Take all threads of a process off the list: it has one thread now."""
        for each in self.threads_of(process):
            self._drop(each)

    def _drop(self, tid: int) -> None:
        del self._own[tid]
        self._makers.forget(tid)
