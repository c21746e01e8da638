"""Watching files, mounts and file systems: the supervisor adds each watch, on the very file that it decided about.

Of ``fanotify(7)``, a box has what tells of files by their handles. The other kind opens every file for its reader, and
nobody would be asked about that.
"""

import errno
import os
import stat

from selbox.enforce.answer import CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.callerfiles import check_target, copy_of, flags_of, target_at, target_open
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.linux import AT_FDCWD, O_PATH, system_call
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.watching import watch_permissions
from selbox.typing import Final

_ONLY_DIRECTORY: Final = 0x01000000
_DO_NOT_FOLLOW: Final = 0x02000000


_REPORT_PIDFD, _REPORT_HANDLES = 0x80, 0x1E00
_MARK_DO_NOT_FOLLOW, _MARK_ONLY_DIRECTORY, _MARK_MOUNT, _MARK_FLUSH, _MARK_FILESYSTEM = 0x04, 0x08, 0x10, 0x80, 0x100


_MARK_ADD_OR_REMOVE: Final = (0x1, 0x2)
_MARK_COMMANDS: Final = 0x1 | 0x2 | _MARK_FLUSH
_MARK_FLAGS: Final = 0x7FF
_INOTIFY_BITS: Final = 0xF7006FFF
_MASK_CREATE, _MASK_ADD = 0x10000000, 0x20000000


class WatchCalls:
    """``inotify_add_watch``, ``fanotify_init`` and ``fanotify_mark``."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by name of their call."""
        fanotify = {"fanotify_init": self.fanotify_init, "fanotify_mark": self.fanotify_mark}
        return {"inotify_add_watch": self.add_watch, **fanotify}

    def add_watch(self, caller: Caller, arguments: Arguments) -> int:
        """``inotify_add_watch(descriptor, path, mask)``."""
        box = self._box
        number, address, mask = arguments[:3]
        mask &= 0xFFFFFFFF
        if not mask & _INOTIFY_BITS or mask & (_MASK_ADD | _MASK_CREATE) == _MASK_ADD | _MASK_CREATE:
            return -errno.EINVAL
        queue = _queue(box, caller, number, b"inotify")
        path = box.memory.read_string(caller.tid, address)
        target = target_at(box, caller, AT_FDCWD, path, follow=not mask & _DO_NOT_FOLLOW)
        if mask & _ONLY_DIRECTORY and not stat.S_ISDIR(target.status.st_mode):
            return -errno.ENOTDIR
        box.walker.privileges.check_mode(caller, target.status, os.R_OK)
        check_target(box, caller, target, "read")
        check_target(box, caller, target, *watch_permissions(mask))
        # The supervisor's own link to the object is followed; it ends there, be the object a link itself.
        return system_call(NUMBERS["inotify_add_watch"], queue, target.place.encode(), mask & ~_DO_NOT_FOLLOW)

    def fanotify_init(self, caller: Caller, arguments: Arguments) -> int:
        """``fanotify_init(flags, event_flags)``, both by value."""
        if arguments[0] & _REPORT_PIDFD or not arguments[0] & _REPORT_HANDLES:
            return -errno.EPERM
        if not Capabilities(self._box).may_use_if_held(caller, "sys_admin"):
            return -errno.EPERM
        return CONTINUE

    def fanotify_mark(self, caller: Caller, arguments: Arguments) -> int:
        """``fanotify_mark(descriptor, flags, mask, directory, path)``.

        Source: the kernel's ``fanotify_find_path`` and ``selinux_path_notify``.
        """
        box = self._box
        number, flags, mask, directory, address = arguments[:5]
        flags &= 0xFFFFFFFF
        if flags & _MARK_FLUSH:
            return CONTINUE
        if mask >> 32 or flags & ~_MARK_FLAGS or flags & _MARK_COMMANDS not in _MARK_ADD_OR_REMOVE or not mask:
            return -errno.EINVAL
        queue = _queue(box, caller, number, b"[fanotify]")
        if address:
            path = box.memory.read_string(caller.tid, address)
            target = target_at(box, caller, directory, path, follow=not flags & _MARK_DO_NOT_FOLLOW)
        else:
            target = target_open(box, caller, directory)
        if flags & _MARK_ONLY_DIRECTORY and not stat.S_ISDIR(target.status.st_mode):
            return -errno.ENOTDIR
        box.walker.privileges.check_mode(caller, target.status, os.R_OK)
        check_target(box, caller, target, "read")
        watch = "watch"
        filesystem = box.labels.filesystem_sid_on(target.status.st_dev)
        if flags & _MARK_FILESYSTEM:
            watch = "watch_sb"
            box.monitor.check(caller, filesystem, "filesystem", ("watch",), dict)
        elif flags & _MARK_MOUNT:
            watch = "watch_mount"
        check_target(box, caller, target, *watch_permissions(mask, watch))
        box.monitor.check(caller, filesystem, "filesystem", ("getattr",), dict)  # handles begin with its number
        place = target.place.encode() + b"\0"
        return system_call(NUMBERS["fanotify_mark"], queue, flags & ~_MARK_DO_NOT_FOLLOW, mask, AT_FDCWD, place)


def _queue(box: Box, caller: Caller, number: int, kind: bytes) -> int:
    """Return a copy of a caller's descriptor of watches.

    Raises:
        OSError: EBADF when there is none, EINVAL when it is open on something else.
    """
    box.walker.status_of(caller, number)
    with own_capabilities():
        opened = os.readlink(b"/proc/%d/fd/%d" % (caller.tid, number & 0xFFFFFFFF))
    if opened != b"anon_inode:" + kind:
        number = errno.EBADF if flags_of(caller, number) & O_PATH else errno.EINVAL
        raise OSError(number, os.strerror(number))
    return copy_of(box, caller, number)
