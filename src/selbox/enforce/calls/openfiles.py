"""Commands to open files, locks and flags.

What is asked rests on registers and on what a descriptor stands for when the call is made, which another thread can
change before the kernel carries the call out.
"""

import errno
import fcntl
import os
import stat
from functools import cached_property

from selbox.enforce.answer import CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.callerfiles import Target, check_target, flags_of, has_label, target_open
from selbox.enforce.calls.privilegedcommands import FLAGS, NETWORK, TUNNEL_COMMANDS, TUNNELS, set_flags
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.parts.openfiles import (
    DUPLICATES,
    F_NOTIFY,
    F_SETFL,
    F_SETLEASE,
    FIOCLEX,
    FIONCLEX,
    OWNERS,
    SOCKET_OWNERS,
    SPARED_CLOSE_ON_EXEC,
)
from selbox.enforce.shownpaths import path_of
from selbox.enforce.socketlabels import is_socket
from selbox.enforce.watching import watch_permissions
from selbox.server.decision import ExtendedBase
from selbox.typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from selbox.enforce.calls.fileowners import FileOwners
    from selbox.enforce.calls.tunnels import Tunnels

_FIBMAP: Final = 0x1
_LOOKING: Final = frozenset({0x541B, _FIBMAP, 0x2, 0x80086601, 0x80087601})
"""``FIONREAD``, ``FIBMAP``, ``FIGETBSZ``, ``FS_IOC_GETFLAGS`` and ``FS_IOC_GETVERSION``."""
_CHANGING: Final = frozenset({0x40086602, 0x40087602})
"""``FS_IOC_SETFLAGS`` and ``FS_IOC_SETVERSION``."""
_KEYBOARD: Final = frozenset({0x4B47, 0x4B49})
"""``KDSKBENT`` and ``KDSKBSENT``."""
_CAP_SYS_TTY_CONFIG: Final = 26
_REFUSED: Final = {0xAA00: errno.EPERM, 0x5441: errno.ENOTTY}
"""What commands that nobody has fail with.

``USERFAULTFD_IOC_NEW`` makes what could stop the supervisor while it reads memory. ``TIOCGPTPEER`` opens a terminal by
its master; without it programs open the path.
"""
_XFS_HANDLES: Final = frozenset({0x586B, 0x586C, 0x587A, 0x587B})
"""Commands of XFS that reach files by handles, around the directories: their lower halves, whatever the size is."""
_MANDATORY: Final = 32
"""``LOCK_MAND``, which kernels since 5.15 take for nothing."""

_PERF_EVENT: Final = ord("$")
"""The high byte of commands to performance events."""
_EVENT: Final = "anon_inode:[perf_event]"
_NOTICES: Final = {0x1: 0x1, 0x2: 0x2, 0x4: 0x100, 0x8: 0x200, 0x10: 0x400, 0x20: 0x4}
"""Bits of ``F_NOTIFY`` as bits of inotify."""


class OpenFileCalls:
    """``ioctl``, ``fcntl`` and ``flock``.

    Source: the kernel's ``selinux_file_ioctl``, ``selinux_file_lock`` and ``selinux_file_fcntl``.
    """

    def __init__(self, box: Box) -> None:
        self._box = box

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by name of their call, which are those of the methods."""
        return {each.__name__: each for each in (self.ioctl, self.fcntl, self.flock)}

    def flock(self, caller: Caller, arguments: Arguments) -> int:
        """``flock(descriptor, operation)``."""
        operation = arguments[1] & 0xFFFFFFFF
        known = operation & ~fcntl.LOCK_NB in (fcntl.LOCK_SH, fcntl.LOCK_EX, fcntl.LOCK_UN)
        if not known and not operation & _MANDATORY:
            return -errno.EINVAL
        self._check(caller, target_open(self._box, caller, arguments[0]), "lock")
        return CONTINUE

    def fcntl(self, caller: Caller, arguments: Arguments) -> int:
        """``fcntl(descriptor, command, argument)``, of commands that take a permission."""
        number, command, argument = arguments[:3]
        command &= 0xFFFFFFFF
        if command in DUPLICATES:
            self._box.redirections.begin(caller, number & 0xFFFFFFFF)
            return CONTINUE
        if command in OWNERS:
            return self._owners.by_fcntl(caller, arguments)
        if command == F_SETFL:
            flags = flags_of(caller, number)
            if flags & os.O_APPEND and not argument & os.O_APPEND:
                check_target(self._box, caller, target_open(self._box, caller, number), "write")
            return CONTINUE
        target = target_open(self._box, caller, number)
        if command == F_NOTIFY:
            mask = sum(notice for bit, notice in _NOTICES.items() if argument & bit)
            check_target(self._box, caller, target, *watch_permissions(mask))
        else:
            if command == F_SETLEASE:
                self._box.walker.privileges.check_lease(caller, target.status)
            self._check(caller, target, "lock")
        return CONTINUE

    def ioctl(self, caller: Caller, arguments: Arguments) -> int:
        """``ioctl(descriptor, command, argument)``."""
        command = arguments[1] & 0xFFFFFFFF
        box = self._box
        if refused := _refusal(command):
            return -refused
        if command in SOCKET_OWNERS:
            return self._owners.by_ioctl(caller, arguments)
        if command in (FIOCLEX, FIONCLEX) and SPARED_CLOSE_ON_EXEC in box.settings.spared:
            return CONTINUE
        target = target_open(box, caller, arguments[0])
        if command in _LOOKING:
            self._check(caller, target, "getattr")
            if command == _FIBMAP and stat.S_ISREG(target.status.st_mode):
                return self._using(caller, "sys_rawio")
        elif command in _CHANGING:
            check_target(box, caller, target, "setattr")
            if command in FLAGS:
                return set_flags(box, caller, target, arguments)
        elif command in _KEYBOARD:
            fields = {"capability": _CAP_SYS_TTY_CONFIG}
            box.monitor.check(caller, caller.state.sid, "capability", ("sys_tty_config",), lambda: fields)
        else:
            self._check_command(caller, target, command & 0xFFFF)
            if command in FLAGS:
                return set_flags(box, caller, target, arguments)
            if is_socket(target.status) and command in NETWORK:
                return self._using(caller, "net_admin", own=True)
            if command in TUNNEL_COMMANDS and target.status.st_rdev == TUNNELS:
                return self._tunnels.change(caller, arguments)
        return CONTINUE

    @cached_property
    def _owners(self) -> "FileOwners":
        from selbox.enforce.calls.fileowners import FileOwners  # few programs name any

        return FileOwners(self._box)

    @cached_property
    def _tunnels(self) -> "Tunnels":
        from selbox.enforce.calls.tunnels import Tunnels  # few programs make tunnels

        return Tunnels(self._box)

    def _using(self, caller: Caller, capability: str, *, own: bool = False) -> int:
        may_use = Capabilities(self._box).may_use_if_held(caller, capability, own=own)
        return CONTINUE if may_use else -errno.EPERM

    def _check(self, caller: Caller, target: Target, permission: str) -> None:
        """Check what does a file no harm, which a box's own input and output always allow."""
        if not self._box.openers.is_handed_in(target.status):
            check_target(self._box, caller, target, permission)

    def _check_command(self, caller: Caller, target: Target, command: int) -> None:
        box = self._box
        status = target.status
        if command >> 8 == _PERF_EVENT and path_of(target.descriptor) == _EVENT:
            box.monitor.check(caller, caller.state.sid, "perf_event", ("write",), dict)
        if not has_label(box, status) or box.openers.is_handed_in(status):
            return

        def describe() -> dict[str, object]:
            return {**box.labels.describe(target.descriptor), "ioctlcmd": f"{command:#x}"}

        sid = box.labels.sid_of(target.descriptor, status, caller)
        object_class = box.labels.class_of(status)
        box.monitor.check_extended(caller, sid, object_class, "ioctl", ExtendedBase.IOCTL, command, describe)


def _refusal(command: int) -> int:
    """Return the error of a command that nobody has; 0 for others."""
    return _REFUSED.get(command, errno.EPERM if command & 0xFFFF in _XFS_HANDLES else 0)
