"""Watching files with ``inotify(7)``: the supervisor adds each watch, on the very file that it decided about."""

import errno
import os
import stat

from selbox.enforce.answer import Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.callerfiles import check_target, copy_of, target_at
from selbox.enforce.linux import AT_FDCWD, system_call
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.watching import watch_permissions
from selbox.typing import Final

_ONLY_DIRECTORY: Final = 0x01000000
_DO_NOT_FOLLOW: Final = 0x02000000


class WatchCalls:
    """``inotify_add_watch``."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by name of their call."""
        return {"inotify_add_watch": self.add_watch}

    def add_watch(self, caller: Caller, arguments: Arguments) -> int:
        """``inotify_add_watch(descriptor, path, mask)``."""
        box = self._box
        number, address, mask = arguments[:3]
        mask &= 0xFFFFFFFF
        queue = copy_of(box, caller, number)
        path = box.memory.read_string(caller.tid, address)
        target = target_at(box, caller, AT_FDCWD, path, follow=not mask & _DO_NOT_FOLLOW)
        if mask & _ONLY_DIRECTORY and not stat.S_ISDIR(target.status.st_mode):
            return -errno.ENOTDIR
        box.walker.privileges.check_mode(caller, target.status, os.R_OK)
        check_target(box, caller, target, "read")
        check_target(box, caller, target, *watch_permissions(mask))
        # The supervisor's own link to the object is followed; it ends there, be the object a link itself.
        return system_call(NUMBERS["inotify_add_watch"], queue, target.place.encode(), mask & ~_DO_NOT_FOLLOW)
