"""Changes to the status of files: mode, owner, times and length.

The supervisor makes each change itself, on the object that it decided about, with the caller's credentials.
"""

import errno
import os
import resource
import signal
import stat
import struct
from contextlib import suppress

from selbox.enforce.answer import ANSWERED, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.callerfiles import Target, check_target, copy_of, flags_of, target_at, target_in, target_open
from selbox.enforce.identitymaps import meant_group, meant_user
from selbox.enforce.linux import AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, system_call
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.tasks import shown_limits
from selbox.typing import Final

_PAIR: Final = struct.Struct("=qq")
_TIMES: Final = struct.Struct("=qqqq")
_NOW: Final = 0x3FFFFFFF
_OMIT: Final = 0x3FFFFFFE
_UNCHANGED: Final = 0xFFFFFFFF
_MICROSECONDS: Final = 1_000_000

Times = tuple[int, int, int, int] | None
"""Seconds and nanoseconds of access, then of modification; None is now."""


class StatusChangeCalls:
    """``chmod``, ``chown``, ``utime``, ``truncate`` and their kin.

    Source: the kernel's ``selinux_inode_setattr``.
    """

    def __init__(self, box: Box) -> None:
        self._box = box
        self._privileges = box.walker.privileges

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by name of their call, which are those of the methods."""
        modes = (self.chmod, self.fchmod, self.fchmodat, self.fchmodat2)
        owners = (self.chown, self.lchown, self.fchown, self.fchownat)
        times = (self.utime, self.utimes, self.futimesat, self.utimensat)
        return {each.__name__: each for each in (*modes, *owners, *times, self.truncate, self.ftruncate)}

    def _follow(self, caller: Caller, directory: int, address: int) -> Target:
        path = self._box.memory.read_string(caller.tid, address)
        return target_at(self._box, caller, directory, path, follow=True)

    def _with_flags(self, caller: Caller, directory: int, address: int, flags: int) -> Target:
        if flags & 0xFFFFFFFF & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return target_in(self._box, caller, directory, address, flags, follow=not flags & AT_SYMLINK_NOFOLLOW)

    # --- Mode -------------------------------------------------------------------------------------------------------

    def chmod(self, caller: Caller, arguments: Arguments) -> int:
        """``chmod(path, mode)``."""
        return self._change_mode(caller, self._follow(caller, AT_FDCWD, arguments[0]), arguments[1])

    def fchmod(self, caller: Caller, arguments: Arguments) -> int:
        """``fchmod(descriptor, mode)``."""
        return self._change_mode(caller, target_open(self._box, caller, arguments[0]), arguments[1])

    def fchmodat(self, caller: Caller, arguments: Arguments) -> int:
        """``fchmodat(directory, path, mode)``."""
        return self._change_mode(caller, self._follow(caller, arguments[0], arguments[1]), arguments[2])

    def fchmodat2(self, caller: Caller, arguments: Arguments) -> int:
        """``fchmodat2(directory, path, mode, flags)``."""
        directory, address, mode, flags = arguments[:4]
        return self._change_mode(caller, self._with_flags(caller, directory, address, flags), mode)

    def _change_mode(self, caller: Caller, target: Target, mode: int) -> int:
        check_target(self._box, caller, target, "setattr")
        self._privileges.check_owner(caller, target.status)
        mode &= 0o7777 if self._privileges.may_set_group_id(caller, target.status) else 0o7777 & ~stat.S_ISGID
        system_call(NUMBERS["fchmodat"], AT_FDCWD, target.place.encode(), mode)
        self._ways_changed(target)
        return 0

    # --- Owner ------------------------------------------------------------------------------------------------------

    def chown(self, caller: Caller, arguments: Arguments) -> int:
        """``chown(path, user, group)``."""
        target = self._follow(caller, AT_FDCWD, arguments[0])
        return self._change_owner(caller, target, arguments[1], arguments[2])

    def lchown(self, caller: Caller, arguments: Arguments) -> int:
        """``lchown(path, user, group)``."""
        target = self._with_flags(caller, AT_FDCWD, arguments[0], AT_SYMLINK_NOFOLLOW)
        return self._change_owner(caller, target, arguments[1], arguments[2])

    def fchown(self, caller: Caller, arguments: Arguments) -> int:
        """``fchown(descriptor, user, group)``."""
        target = target_open(self._box, caller, arguments[0])
        return self._change_owner(caller, target, arguments[1], arguments[2])

    def fchownat(self, caller: Caller, arguments: Arguments) -> int:
        """``fchownat(directory, path, user, group, flags)``."""
        directory, address, user, group, flags = arguments[:5]
        return self._change_owner(caller, self._with_flags(caller, directory, address, flags), user, group)

    def _change_owner(self, caller: Caller, target: Target, user: int, group: int) -> int:
        user, group = user & 0xFFFFFFFF, group & 0xFFFFFFFF
        if caller.state.root_changed:
            user = user if user == _UNCHANGED else meant_user(caller.tid, user)
            group = group if group == _UNCHANGED else meant_group(caller.tid, group)
            if user < 0 or group < 0:
                return -errno.EINVAL
        check_target(self._box, caller, target, "setattr")
        signed = (-1 if each == _UNCHANGED else each for each in (user, group))
        self._privileges.check_chown(caller, target.status, *signed)
        system_call(NUMBERS["fchownat"], target.descriptor, b"", user, group, AT_EMPTY_PATH)
        self._ways_changed(target)
        return 0

    def _ways_changed(self, target: Target) -> None:
        """Have paths through a directory be walked again: it may take capabilities now to search it."""
        if stat.S_ISDIR(target.status.st_mode):
            self._box.walker.known.forget()

    # --- Times ------------------------------------------------------------------------------------------------------

    def utime(self, caller: Caller, arguments: Arguments) -> int:
        """``utime(path, times)``: whole seconds."""
        times: Times = None
        if arguments[1]:
            accessed, modified = _PAIR.unpack(self._box.memory.read_exactly(caller.tid, arguments[1], _PAIR.size))
            times = (accessed, 0, modified, 0)
        return self._change_times(caller, self._follow(caller, AT_FDCWD, arguments[0]), times)

    def utimes(self, caller: Caller, arguments: Arguments) -> int:
        """``utimes(path, times)``: microseconds."""
        return self.futimesat(caller, (AT_FDCWD, arguments[0], arguments[1], 0, 0, 0))

    def futimesat(self, caller: Caller, arguments: Arguments) -> int:
        """``futimesat(directory, path, times)``: microseconds; without a path, the directory is a file itself."""
        times: Times = None
        if arguments[2]:
            data = self._box.memory.read_exactly(caller.tid, arguments[2], _TIMES.size)
            accessed, fraction, modified, other = _TIMES.unpack(data)
            if not (0 <= fraction < _MICROSECONDS and 0 <= other < _MICROSECONDS):
                return -errno.EINVAL
            times = (accessed, fraction * 1000, modified, other * 1000)
        return self._change_times(caller, self._file_or_path(caller, arguments[0], arguments[1], 0), times)

    def utimensat(self, caller: Caller, arguments: Arguments) -> int:
        """``utimensat(directory, path, times, flags)``."""
        directory, address, where, flags = arguments[:4]
        times: Times = None
        if where:
            times = _TIMES.unpack(self._box.memory.read_exactly(caller.tid, where, _TIMES.size))
            if times[1] == times[3] == _OMIT:
                return 0  # nothing to do: the kernel does not even look at the path
        return self._change_times(caller, self._file_or_path(caller, directory, address, flags), times)

    def _file_or_path(self, caller: Caller, directory: int, address: int, flags: int) -> Target:
        if address or directory & 0xFFFFFFFF == AT_FDCWD & 0xFFFFFFFF:
            return self._with_flags(caller, directory, address, flags)
        if flags:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return target_open(self._box, caller, directory)

    def _change_times(self, caller: Caller, target: Target, times: Times) -> int:
        if times is not None and times[1] == times[3] == _NOW:
            times = None
        # What anybody does who writes is asked as writing; to set times at will is another matter.
        if times is None:
            self._may_touch(caller, target)
            check_target(self._box, caller, target, "write")
            self._copied(caller, target)
        else:
            check_target(self._box, caller, target, "setattr")
            self._privileges.check_owner(caller, target.status)
        packed = None if times is None else _TIMES.pack(*times)
        system_call(NUMBERS["utimensat"], target.descriptor, b"", packed, AT_EMPTY_PATH)
        return 0

    def _copied(self, caller: Caller, target: Target) -> None:
        """Have a file of an overlay copied up before it changes."""
        if self._box.monitor.layers is not None:
            self._box.monitor.layers.may_change(caller, target.descriptor)

    def _may_touch(self, caller: Caller, target: Target) -> None:
        """Ask what setting times to now takes: to be the owner, or to write (kernel: ``may_setattr``)."""
        try:
            self._privileges.check_owner(caller, target.status)
        except PermissionError:
            self._privileges.check_mode(caller, target.status, os.W_OK)

    # --- Length -----------------------------------------------------------------------------------------------------

    def truncate(self, caller: Caller, arguments: Arguments) -> int:
        """``truncate(path, length)``."""
        length = _signed(arguments[1])
        if length < 0:
            return -errno.EINVAL
        target = self._follow(caller, AT_FDCWD, arguments[0])
        if stat.S_ISREG(target.status.st_mode):
            self._privileges.check_mode(caller, target.status, os.W_OK)
            check_target(self._box, caller, target, "write")
            if "open_perms" in self._box.server.policy.policy_capabilities:
                check_target(self._box, caller, target, "write", "open")
            self._copied(caller, target)
        _may_grow(caller, length)
        if not stat.S_ISREG(target.status.st_mode):
            os.truncate(target.place, length)  # which fails
            return 0
        try:
            os.ftruncate(self._box.descriptors.open(target.place, os.O_WRONLY | os.O_NONBLOCK), length)
        except BlockingIOError:  # somebody has a lease on it, and is to give it up first
            self._truncate_later(caller, self._box.descriptors.keep(target.descriptor), length)
            return ANSWERED
        return 0

    def _truncate_later(self, caller: Caller, descriptor: int, length: int) -> None:
        def operation() -> None:
            try:
                system_call(NUMBERS["truncate"], b"/proc/self/fd/%d\0" % descriptor, length)
            finally:
                os.close(descriptor)
            self._box.listener.give_result(caller.id, 0)

        self._box.workers.start(caller, operation)

    def ftruncate(self, caller: Caller, arguments: Arguments) -> int:
        """``ftruncate(descriptor, length)``."""
        box = self._box
        length = _signed(arguments[1])
        if length < 0:
            return -errno.EINVAL
        try:
            descriptor = copy_of(box, caller, arguments[0])
        except PermissionError:
            descriptor = self._reopened(caller, arguments[0])
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            check_target(box, caller, Target(descriptor, status, is_open=True), "write")
        _may_grow(caller, length)
        os.ftruncate(descriptor, length)
        return 0

    def _reopened(self, caller: Caller, number: int) -> int:
        """Open what a descriptor for writing is open on once more, where the supervisor may not copy it."""
        if flags_of(caller, number) & os.O_ACCMODE not in (os.O_WRONLY, os.O_RDWR):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        target = target_open(self._box, caller, number)
        return self._box.descriptors.open(target.place, os.O_WRONLY | os.O_NONBLOCK)


def _signed(register: int) -> int:
    return register - (1 << 64) if register >> 63 else register


def _may_grow(caller: Caller, length: int) -> None:
    """Hold to the caller's own limit of the size of files (kernel: ``inode_newsize_ok``)."""
    if shown_limits(caller.tid, resource.RLIMIT_FSIZE)[0] < length:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(caller.tid, signal.SIGXFSZ)
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
