"""IPC namespaces that programs of the box made, in each of which numbers and names mean objects of its own.

Source: ``ipc_namespaces(7)``.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress

from selbox.enforce.caller import Caller
from selbox.enforce.credentials import own_capabilities, own_credentials_held
from selbox.enforce.linux import system_call
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.tasks import TaskTable, processes
from selbox.typing import Final

_NEW_IPC: Final = 0x08000000
_MANY: Final = 16
_HERE: Final = nullcontext()


def in_ipc_of(caller: Caller) -> AbstractContextManager[None]:
    """Have the calling thread be in the IPC namespace of a task for a moment, with the credentials that it has.

    Entering raises OSError, EPERM, where the supervisor may not.
    """
    return _entered(caller.tid) if caller.state.numbers_changed else _HERE


@contextmanager
def _entered(task: int) -> Iterator[None]:
    with own_credentials_held():
        own, theirs = _opened("thread-self"), _opened(task)
        is_other = os.fstat(own).st_ino != os.fstat(theirs).st_ino
        try:
            if is_other:
                system_call(NUMBERS["setns"], theirs, _NEW_IPC)
        except OSError:
            os.close(own)
            raise
        finally:
            os.close(theirs)
    try:
        yield
    finally:
        if is_other:
            with own_credentials_held():
                system_call(NUMBERS["setns"], own, _NEW_IPC)
        os.close(own)


class IpcNamespaces:
    """Tells namespaces apart by numbers that no other one is given as long as it is told of as there."""

    def __init__(self) -> None:
        self._own = os.stat("/proc/self/ns/ipc").st_ino
        self._kept: dict[int, int] = {}
        """Descriptors of namespaces, by inode number. INVARIANT: while one is open, the number is no other's."""
        self._many = _MANY

    def number_of(self, caller: Caller) -> int:
        """Return the number of a task's namespace; 0 for the one that the box was started in."""
        if not caller.state.numbers_changed:
            return 0
        with own_capabilities():
            namespace = _opened(caller.tid)
        number = os.fstat(namespace).st_ino
        if number == self._own or number in self._kept:
            os.close(namespace)
        else:
            self._kept[number] = namespace
        return 0 if number == self._own else number

    @property
    def are_many(self) -> bool:
        """Whether it is time to forget those that nobody is in."""
        return len(self._kept) >= self._many

    def forget_empty(self, tasks: TaskTable) -> set[int]:
        """Forget namespaces that no process of the box is in, which nobody can enter any more; return their numbers."""
        filled = set()
        with own_capabilities():
            for each in processes():
                with suppress(OSError):
                    if tasks.state_of(each) is not None:
                        filled.add(os.stat(f"/proc/{each}/ns/ipc").st_ino)
        gone = self._kept.keys() - filled
        for each in gone:
            os.close(self._kept.pop(each))
        self._many = max(_MANY, 2 * len(self._kept))
        return gone


def _opened(task: int | str) -> int:
    return os.open(f"/proc/{task}/ns/ipc", os.O_RDONLY | os.O_CLOEXEC)
