"""Mounts of its own for a box that root starts: what it mounts is seen by nobody else, and gone when it ends.

What others mount and unmount on the host, the box sees as before, where the host passes it on (``MS_SLAVE``).
"""

import errno
import os
from contextlib import ExitStack, suppress

from selbox.enforce.linux import system_call
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.typing import Final

_CLONE_NEWNS: Final = 0x20000
_MS_REC: Final = 1 << 14
_MS_SLAVE: Final = 1 << 19


def have_own_mounts(stack: ExitStack) -> bool:
    """Give the calling process, which must be single-threaded, a mount namespace of its own until a stack is unwound.

    Returns:
        False where that cannot be had: for ordinary users, for root without CAP_SYS_ADMIN, and below a root directory
        (``chroot``) where nothing is mounted, from where the host's mounts cannot be told not to follow.
    """
    if os.geteuid() != 0:
        return False
    own = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    root, place = (os.open(each, os.O_PATH | os.O_CLOEXEC) for each in ("/", "."))
    with ExitStack() as back:
        for each in (own, root, place):
            back.callback(os.close, each)
        try:
            system_call(NUMBERS["unshare"], _CLONE_NEWNS)
        except OSError:
            return False
        back.callback(_return, own, root, place)
        try:
            system_call(NUMBERS["mount"], b"none\0", b"/\0", None, _MS_REC | _MS_SLAVE, None)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return False
        stack.push(back.pop_all())
    return True


def _return(own: int, root: int, place: int) -> None:
    """Be again where the process was; where a thread is left that waits for something, it stays in the box's."""
    with suppress(OSError):
        system_call(NUMBERS["setns"], own, _CLONE_NEWNS)  # at the namespace's root, whatever the process's was
        os.fchdir(root)
        os.chroot(".")
        os.fchdir(place)
