"""New processes, and new namespaces and root directories for them."""

import errno
import os

from selbox.enforce.answer import CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.pidnumbers import can_translate
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.parts.processes import (
    CLONE_FILES,
    CLONE_FS,
    CLONE_THREAD,
    CLONE_VFORK,
    CLONE_VM,
    NAMESPACE_FLAGS,
)
from selbox.typing import Final

_NEW_IPC: Final = 0x08000000
_NEW_PID: Final = 0x20000000
_NEW_USER: Final = 0x10000000
_UNSHARED: Final = NAMESPACE_FLAGS | 0x50F00
"""All that ``unshare`` knows: besides namespaces, what threads share."""


class ProcessCalls:
    """``fork`` and its kin, ``unshare`` and ``chroot``."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._capabilities = Capabilities(box)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls."""
        return {
            "fork": self.fork,
            "vfork": self.fork,
            "clone": self.clone,
            "unshare": self.unshare,
            "chroot": self.chroot,
        }

    def fork(self, caller: Caller, arguments: Arguments) -> int:  # noqa: ARG002 - every handler takes them
        """``fork`` and ``vfork``."""
        self._box.monitor.check(caller, caller.state.sid, "process", ("fork",), dict)
        return CONTINUE

    def clone(self, caller: Caller, arguments: Arguments) -> int:
        """``clone(flags, …)``; a child in new namespaces may see other paths and identities."""
        # The child's state is copied from the caller's at fork, so the caller's is changed; it only costs time.
        self.fork(caller, arguments)
        self._enter_namespaces(caller, arguments[0])
        if arguments[0] & CLONE_FS and not arguments[0] & CLONE_THREAD:
            self._box.tasks.change(caller.tid, shares_directories=True)
        shared = CLONE_FILES if arguments[0] & CLONE_VFORK else CLONE_FILES | CLONE_VM
        if arguments[0] & shared and not arguments[0] & CLONE_THREAD:
            self._box.tasks.change(caller.tid, shares_descriptors=True)
        return CONTINUE

    def unshare(self, caller: Caller, arguments: Arguments) -> int:
        """``unshare(flags)``."""
        if arguments[0] & ~_UNSHARED:
            return -errno.EINVAL
        self._enter_namespaces(caller, arguments[0])
        return CONTINUE

    def _enter_namespaces(self, caller: Caller, flags: int) -> None:
        """Check new namespaces, in the order of the kernel: first that of users, within which the others may be had.

        Source: the kernel's ``create_user_ns``, ``selinux_userns_create`` and ``copy_namespaces``.

        Raises:
            OSError: EACCES for a namespace of users that policy denies, EPERM for others.
        """
        if not flags & NAMESPACE_FLAGS:
            return
        numbers_change = bool(flags & (_NEW_PID | _NEW_IPC))
        if numbers_change and not can_translate():
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        if flags & _NEW_IPC and not self._box.mounts_are_own:  # nor could the supervisor enter it
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        if flags & _NEW_USER:
            self._box.monitor.check(caller, caller.state.sid, "user_namespace", ("create",), dict)
        if flags & NAMESPACE_FLAGS & ~_NEW_USER and not self._may_administer(caller, bool(flags & _NEW_USER)):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        changes = {"numbers_changed": True} if numbers_change else {}
        self._box.tasks.change(caller.tid, credentials_changed=True, root_changed=True, **changes)

    def _may_administer(self, caller: Caller, of_new: bool) -> bool:
        if of_new:
            return self._capabilities.is_allowed(caller, "sys_admin", initial=False)
        return self._capabilities.may_use_if_held(caller, "sys_admin", own=True)

    def chroot(self, caller: Caller, arguments: Arguments) -> int:  # noqa: ARG002
        """``chroot(path)``: from now on the caller's own root directory is the start of its paths."""
        if not self._capabilities.may_use_if_held(caller, "sys_chroot", own=True):
            return -errno.EPERM
        self._box.tasks.change(caller.tid, credentials_changed=True, root_changed=True)
        return CONTINUE
