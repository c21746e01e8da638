"""What tasks are called in pid namespaces that programs of the box made.

The supervisor knows every task of the box by a number of its own. What a task in another namespace calls a task is
translated where it comes in, and what it is told where it goes out; a call that goes on is the kernel's to translate.

Source: ``pid_namespaces(7)``, ``ioctl_nsfs(2)``; the kernel's ``ns_ioctl`` and ``proc_pid_status``.
"""

import errno
import fcntl
import os
from contextlib import suppress

from selbox.enforce.caller import Caller
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.filesystems import read_table
from selbox.enforce.tasks import processes, read_status
from selbox.typing import Final

_FROM: Final = 0x8004B706
_IN: Final = 0x8004B708
"""``NS_GET_PID_FROM_PIDNS`` and ``NS_GET_PID_IN_PIDNS``, which Linux has since 6.11."""

_INIT: Final = 1


def can_translate() -> bool:
    """Tell whether the kernel translates numbers; without it no box has pid namespaces of its own."""
    return told_in("self", os.getpid()) == os.getpid()


def meant_by(caller: Caller, number: int) -> int:
    """Return the task that a caller calls by a number; 0 when there is none."""
    if not caller.state.numbers_changed or number <= 0:
        return max(number, 0)
    namespace = _namespace_of(caller.tid)
    try:
        return _translated(namespace, _FROM, number)
    finally:
        os.close(namespace)


def told_to(caller: Caller, tid: int) -> int:
    """Return what a caller calls a task; 0 when the task is in none of the namespaces that it sees."""
    return told_in(caller.tid, tid) if caller.state.numbers_changed else tid


def told_in(member: int | str, tid: int) -> int:
    """Return what a task is called in the namespace of another one; 0 when it is not in it, nor beneath it."""
    namespace = _namespace_of(member)
    try:
        return _translated(namespace, _IN, tid)
    finally:
        os.close(namespace)


def check_visible(caller: Caller, tid: int) -> None:
    """Check that a caller can call a task by any number at all.

    Raises:
        OSError: ESRCH when it cannot.
    """
    if not told_to(caller, tid):
        raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))


def meant_group(caller: Caller, number: int) -> int:
    """Return the process group that a caller calls by a number; 0 when there is none."""
    if not caller.state.numbers_changed or number <= 0:
        return max(number, 0)
    level = _level_of(caller.tid)
    for each in processes():
        groups = _numbers(each, b"NSpgid")
        if len(groups) > level and groups[level] == number and told_to(caller, each):
            return groups[0]
    return 0


def group_told_to(caller: Caller, tid: int) -> int:
    """Return what a caller calls the process group of a task; 0 for one of an outer namespace."""
    return _told_line(caller, tid, b"NSpgid") if caller.state.numbers_changed else os.getpgid(tid)


def session_told_to(caller: Caller, tid: int) -> int:
    """Return what a caller calls the session of a task; 0 for one of an outer namespace."""
    return _told_line(caller, tid, b"NSsid") if caller.state.numbers_changed else os.getsid(tid)


class ProcMounts:
    """Tells whose numbers each mounted file system of kind ``proc`` shows."""

    def __init__(self) -> None:
        self._own = os.stat("/proc").st_dev
        self._namespaces: dict[int, int] = {}
        """Descriptors of namespaces by device number, but for the supervisor's own ``/proc``."""

    def add(self, device: int, task: int) -> None:
        """Note one that was mounted for a task."""
        self.forget(device)
        for each in [each for each, namespace in self._namespaces.items() if not _translated(namespace, _FROM, _INIT)]:
            self.forget(each)  # nobody is left in it
        self._namespaces[device] = _namespace_of(task)

    def forget(self, device: int) -> None:
        """Forget one: its device number is that of another file system."""
        namespace = self._namespaces.pop(device, -1)
        if namespace >= 0:
            os.close(namespace)

    def close(self) -> None:
        """Forget all."""
        for each in list(self._namespaces):
            self.forget(each)

    def meant(self, device: int, number: int) -> int:
        """Return the task that stands in one under a number; 0 when there is none.

        Args:
            device: number of the file system.
            number: name of the directory there.
        """
        return number if device == self._own else _translated(self._namespace(device), _FROM, number)

    def told(self, device: int, tid: int) -> int:
        """Return under which number a task stands in one; 0 when it is not there."""
        return tid if device == self._own else _translated(self._namespace(device), _IN, tid)

    def _namespace(self, device: int) -> int:
        """Return the namespace of one, also where it was there before the box; -1 where it cannot be told."""
        if device not in self._namespaces:
            for each in read_table("self").values():
                with suppress(OSError):
                    if each.device == device and each.root == "/" and os.stat(each.point).st_dev == device:
                        # The first process of a namespace is never in another one.
                        self._namespaces[device] = _open(f"{each.point}/{_INIT}/ns/pid")
                        break
        return self._namespaces.get(device, -1)


def _namespace_of(task: int | str) -> int:
    return _open(f"/proc/{task}/ns/pid")


def _open(path: str) -> int:
    with own_capabilities():
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _translated(namespace: int, request: int, number: int) -> int:
    try:
        return fcntl.ioctl(namespace, request, number) if namespace >= 0 else 0
    except OSError:
        return 0


def _level_of(tid: int) -> int:
    """Return how many namespaces lie between the supervisor's and a task's."""
    return len(_numbers(tid, b"NSpid")) - 1


def _told_line(caller: Caller, tid: int, title: bytes) -> int:
    level, numbers = _level_of(caller.tid), _numbers(tid, title)
    if len(numbers) <= level:
        raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))
    return numbers[level]


def _numbers(tid: int, title: bytes) -> list[int]:
    """Return the numbers of a line of a task's status, the outermost first; none when it is gone."""
    status = read_status(tid)
    start = status.find(b"\n%b:" % title)
    return [] if start < 0 else [int(each) for each in status[start : status.index(b"\n", start + 1)].split()[1:]]
