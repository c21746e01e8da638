"""Doing something in the mount namespace of a task, and with its root directory, as the supervisor.

A thread of its own goes there: the kernel lets nobody enter who shares the root directory with another thread.
"""

import fcntl
import os
import threading
from collections.abc import Callable

from selbox.enforce.credentials import own_capabilities
from selbox.enforce.linux import O_PATH, system_call
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.typing import Final, TypeVar

_CLONE_FS: Final = 0x200
_CLONE_NEWNS: Final = 0x20000
_GET_OWNER: Final = 0xB701
_DESCRIPTORS: Final = "/proc/self/fd"

_Value = TypeVar("_Value")


def number_of(task: int | str, kind: str = "mnt") -> int:
    """Return what a task's namespace is known by: its mounts', or ``user`` for that of users."""
    with own_capabilities():
        return os.stat(f"/proc/{task}/ns/{kind}").st_ino


def owner_of_mounts(task: int) -> int:
    """Return what the user namespace is known by that a task's mount namespace belongs to (``NS_GET_USERNS``)."""
    with own_capabilities():
        namespace = os.open(f"/proc/{task}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        try:
            owner = fcntl.ioctl(namespace, _GET_OWNER)
        finally:
            os.close(namespace)
    try:
        return os.fstat(owner).st_ino
    finally:
        os.close(owner)


def among_mounts_of(task: int, operation: Callable[[], _Value], *, at_its_root: bool = False) -> _Value:
    """Return what a function returns that is called where a task's mounts are, with the caller's credentials.

    Args:
        task: the task.
        operation: must not wait. Its working directory is that of the supervisor's descriptors, which it finds by
            their numbers whatever is mounted there.
        at_its_root: whether its root directory is to be the task's, which may have changed it.

    Raises:
        OSError: when it cannot be entered, or what the function raises.
    """
    results: list[_Value] = []
    errors: list[OSError] = []
    with own_capabilities():
        namespace = os.open(f"/proc/{task}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        root = os.open(f"/proc/{task}/root", O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        descriptors = os.open(_DESCRIPTORS, O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def work() -> None:
        try:
            system_call(NUMBERS["unshare"], _CLONE_FS)
            if os.fstat(namespace).st_ino != number_of("thread-self"):
                system_call(NUMBERS["setns"], namespace, _CLONE_NEWNS)
            if at_its_root:
                os.fchdir(root)
                os.chroot(".")
            os.fchdir(descriptors)
            results.append(operation())
        except OSError as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    try:
        thread.start()
        thread.join()
    finally:
        for each in (namespace, root, descriptors):
            os.close(each)
    if errors:
        raise errors[0]
    return results[0]
