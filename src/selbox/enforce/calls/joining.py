"""Joining namespaces: those that a process of the box is in, and no others.

A namespace is named by a descriptor, which another thread could exchange before the kernel looks: so only who has its
descriptors for itself joins one. What a process is kept out of elsewhere it would reach in the namespaces of others: so
the box's tasks stay among those that the box had at first, or made.

Source: ``setns(2)``; the kernel's ``validate_nsset``, ``mntns_install``, ``pidns_install`` and ``userns_install``.
"""

import errno
import fcntl
import os
from contextlib import suppress

from selbox.enforce.answer import CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.linux import O_PATH
from selbox.enforce.pidfds import process_behind
from selbox.enforce.pidnumbers import can_translate
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.parts.processes import NAMESPACE_FLAGS
from selbox.enforce.sharing import is_alone
from selbox.enforce.taskaccess import TaskAccess
from selbox.enforce.tasks import processes
from selbox.typing import Final

_GET_KIND: Final = 0xB703
"""``NS_GET_NSTYPE``."""

_NEW_MOUNTS, _NEW_USER, _NEW_PID, _NEW_IPC = 0x20000, 0x10000000, 0x20000000, 0x08000000
_NAMES: Final = {
    0x80: ("time", "time_for_children"),
    _NEW_MOUNTS: ("mnt",),
    0x02000000: ("cgroup",),
    0x04000000: ("uts",),
    _NEW_IPC: ("ipc",),
    _NEW_USER: ("user",),
    _NEW_PID: ("pid", "pid_for_children"),
    0x40000000: ("net",),
}


class JoiningCalls:
    """``setns``."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._access = TaskAccess(box)
        self._capabilities = Capabilities(box)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls."""
        return {"setns": self.setns}

    def setns(self, caller: Caller, arguments: Arguments) -> int:
        """``setns(descriptor, kinds)``."""
        box, kinds = self._box, arguments[1] & 0xFFFFFFFF
        descriptor = box.descriptors.add(box.pidfds.copy(caller.tid, signed(arguments[0])))
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & O_PATH:
            return -errno.EBADF
        pid = process_behind(descriptor)
        if pid is None:
            kinds = self._kind_of(descriptor, kinds)
        elif not kinds or kinds & ~NAMESPACE_FLAGS:
            return -errno.EINVAL
        if not is_alone(caller) or (kinds & _NEW_PID and not can_translate()):
            return -errno.EPERM
        if pid is not None:
            self._access.check(caller, pid, attaches=False)
            if box.tasks.state_of(pid) is None:
                return -errno.EPERM
        elif not self._is_of_box(os.fstat(descriptor).st_ino, _NAMES[kinds]):
            return -errno.EPERM
        if not self._may_join(caller, kinds):
            return -errno.EPERM
        changes = {"numbers_changed": True} if kinds & (_NEW_PID | _NEW_IPC) else {}
        box.tasks.change(caller.tid, credentials_changed=True, root_changed=True, **changes)
        return CONTINUE

    @staticmethod
    def _kind_of(descriptor: int, wanted: int) -> int:
        """Return the kind of a namespace that is to be joined.

        Raises:
            OSError: EINVAL for what is none, or another than is wanted.
        """
        try:
            kind = fcntl.ioctl(descriptor, _GET_KIND)
        except OSError:
            kind = 0
        if kind not in _NAMES or (wanted and wanted != kind):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return kind

    def _is_of_box(self, inode: int, names: tuple[str, ...]) -> bool:
        """Tell whether a process of the box, or the supervisor itself, is in a namespace, or its children are to be."""
        tasks = self._box.tasks
        members = ["self", *(each for each in processes() if tasks.state_of(each) is not None)]
        with own_capabilities():
            for each in members:
                with suppress(OSError):  # it has ended
                    if any(os.stat(f"/proc/{each}/ns/{name}").st_ino == inode for name in names):
                        return True
        return False

    def _may_join(self, caller: Caller, kinds: int) -> bool:
        """Tell whether policy lets the capabilities be used that it takes; those not held the kernel asks for."""
        may_use = self._capabilities.may_use_if_held
        if kinds & _NEW_USER:  # held there by whoever made it
            return self._capabilities.is_allowed(caller, "sys_admin", initial=False)
        if kinds & _NEW_MOUNTS and not may_use(caller, "sys_chroot", own=True):
            return False
        return may_use(caller, "sys_admin", own=True)
