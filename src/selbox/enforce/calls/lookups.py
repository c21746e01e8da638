"""Questions about paths: may it be accessed, where does a link lead, which file system; and the working directory."""

import ctypes
import errno
import os
import stat
import struct
from contextlib import nullcontext

from selbox.enforce.answer import CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.callerfiles import Target, misleads, target_at, target_held, target_in
from selbox.enforce.calls.selinuxpaths import SelinuxPaths
from selbox.enforce.calls.shortcuts import ACCESS_WANTED, AT_EACCESS, NO_LINK, may_access
from selbox.enforce.credentials import acting_as, own_capabilities, real_identity
from selbox.enforce.linux import AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, system_call
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.tasks import thread_group
from selbox.typing import Final

_STATFS_SIZE: Final = 120
_HANDLE_SIZE = struct.Struct("=I")
_HANDLE_HEAD: Final = 8
_LONGEST_HANDLE: Final = 128
_AT_SYMLINK_FOLLOW: Final = 0x400
_AT_HANDLE_MNT_ID_UNIQUE: Final = 0x1
_HANDLE_FLAGS: Final = _AT_HANDLE_MNT_ID_UNIQUE | 0x2 | 0x200
"""This one, ``AT_HANDLE_CONNECTABLE`` and ``AT_HANDLE_FID``."""
_INTERNAL: Final = {stat.S_IFIFO: "pipefs", stat.S_IFSOCK: "sockfs"}
"""File systems that are mounted nowhere, by what they hold."""


class LookupCalls:
    """``access``, ``readlink``, ``chdir``, ``statfs`` and their kin."""

    def __init__(self, box: Box, selinux_paths: SelinuxPaths) -> None:
        self._box = box
        self._selinux_paths = selinux_paths

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by name of their call, which are those of the methods."""
        access = (self.access, self.faccessat, self.faccessat2)
        others = (self.readlink, self.readlinkat, self.chdir, self.fchdir, self.statfs, self.fstatfs)
        return {each.__name__: each for each in (*access, *others, self.name_to_handle_at)}

    # --- Access -----------------------------------------------------------------------------------------------------

    def access(self, caller: Caller, arguments: Arguments) -> int:
        """``access(path, mode)``."""
        return self._access(caller, AT_FDCWD, arguments[0], arguments[1], 0)

    def faccessat(self, caller: Caller, arguments: Arguments) -> int:
        """``faccessat(directory, path, mode)``."""
        return self._access(caller, arguments[0], arguments[1], arguments[2], 0)

    def faccessat2(self, caller: Caller, arguments: Arguments) -> int:
        """``faccessat2(directory, path, mode, flags)``."""
        return self._access(caller, *arguments[:4])

    def _access(self, caller: Caller, directory: int, address: int, mode: int, flags: int) -> int:
        """Ask as the kernel's ``do_faccessat`` does: for the real identity, unless flags say otherwise."""
        mode, flags = mode & 0xFFFFFFFF, flags & 0xFFFFFFFF
        if mode & ~7 or flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH):
            return -errno.EINVAL
        follow = not flags & AT_SYMLINK_NOFOLLOW
        path = self._box.memory.read_string(caller.tid, address)
        if self._selinux_paths.access(caller, directory, path, mode):
            return 0
        if path and self._is_known(caller, directory, path, mode, flags):
            return 0
        if not path and flags & AT_EMPTY_PATH:
            target = target_in(self._box, caller, directory, address, flags, follow=follow)
        else:
            target = target_at(self._box, caller, directory, path, follow=follow)
        if mode:
            self._ordinarily(caller, target, mode, flags)
            self._by_policy(caller, target, mode)
        return 0

    def _is_known(self, caller: Caller, directory: int, path: bytes, mode: int, flags: int) -> bool:
        """Tell whether a path may be accessed, so far as it and the answers are known, with nothing to record."""
        box = self._box
        if caller.state.credentials_changed:
            return False
        follow, wanted = not flags & AT_SYMLINK_NOFOLLOW, ACCESS_WANTED | mode
        at = AT_EACCESS if follow else AT_EACCESS | AT_SYMLINK_NOFOLLOW
        look = box.walker.look(caller, directory, path, wanted, follow=follow)
        if look is None:
            return False
        if not mode:
            return True
        if not look.is_granted:
            if not self._is_quiet(caller, look.status, mode):
                return False
            if box.walker.privileges.check_mode(caller, look.status, mode):
                box.walker.known.remember(caller.kind, look.place, wanted)
        may_access(look.start, path, mode, at)
        return True

    def _is_quiet(self, caller: Caller, status: os.stat_result, mode: int) -> bool:
        """Tell whether policy is known to grant an access with nothing to record."""
        box = self._box
        sid, object_class = box.labels.known(status), box.labels.class_of(status)
        return sid is not None and box.monitor.is_quiet(
            caller.state.sid, sid, object_class, _permissions(mode, object_class)
        )

    def _ordinarily(self, caller: Caller, target: Target, mode: int, flags: int) -> None:
        real = caller.state.credentials_changed and not flags & AT_EACCESS
        if not real:
            self._box.walker.privileges.check_mode(caller, target.status, mode)
        with acting_as(real_identity(caller.tid)) if real else nullcontext():
            may_access(AT_FDCWD, target.place.encode(), mode, AT_EACCESS)

    def _by_policy(self, caller: Caller, target: Target, mode: int) -> None:
        box = self._box
        object_class = box.labels.class_of(target.status)
        box.monitor.check(
            caller,
            box.labels.sid_of(target.descriptor, target.status, caller),
            object_class,
            _permissions(mode, object_class),
            box.labels.at(target.descriptor),
            told_by="audit_access",
        )

    # --- Links ------------------------------------------------------------------------------------------------------

    def readlink(self, caller: Caller, arguments: Arguments) -> int:
        """``readlink(path, buffer, size)``."""
        return self.readlinkat(caller, (AT_FDCWD, *arguments[:5]))

    def readlinkat(self, caller: Caller, arguments: Arguments) -> int:
        """``readlinkat(directory, path, buffer, size)``; an empty path means a link that is open itself."""
        directory, address, buffer, size = arguments[:4]
        box = self._box
        if not 0 < size & 0xFFFFFFFF < 1 << 31:
            return -errno.EINVAL
        path = box.memory.read_string(caller.tid, address)
        if path:
            look = box.walker.look(caller, directory, path)
            if look is not None and not stat.S_ISLNK(look.status.st_mode):
                box.walker.known.remember(caller.kind, look.place, NO_LINK)  # the way to it is all that was asked for
                return -errno.EINVAL
            target = target_at(box, caller, directory, path, follow=False)
        else:
            target = target_in(box, caller, directory, address, AT_EMPTY_PATH, follow=False)
        if not stat.S_ISLNK(target.status.st_mode):
            return -errno.EINVAL if path else -errno.ENOENT
        sid = box.labels.sid_of(target.descriptor, target.status, caller)
        box.monitor.check(caller, sid, "lnk_file", ("read",), box.labels.at(target.descriptor))
        if caller.state.root_changed:
            return CONTINUE  # what links of /proc say depends on who reads them
        words = self._own_entry(caller, path, target) or box.walker.stand_ins.shown(self._read(caller, target))
        answer = words[: size & 0xFFFFFFFF]
        box.memory.write(caller.tid, buffer, answer)
        return len(answer)

    def _own_entry(self, caller: Caller, path: bytes, target: Target) -> bytes:
        """Return what ``/proc/self`` and ``/proc/thread-self`` say to the caller; nothing for another link."""
        name = path.rstrip(b"/").rpartition(b"/")[2]
        if name not in (b"self", b"thread-self") or self._box.labels.filesystem_of(target.status.st_dev) != "proc":
            return b""
        mounts, device = self._box.labels.proc_mounts, target.status.st_dev
        process, thread = mounts.told(device, thread_group(caller.tid)), mounts.told(device, caller.tid)
        if not process:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        return b"%d" % process if name == b"self" else b"%d/task/%d" % (process, thread)

    def _read(self, caller: Caller, target: Target) -> bytes:
        try:
            return os.readlink(b"", dir_fd=target.descriptor)
        except PermissionError:
            place = os.readlink(target.place.encode())
            if not place.startswith(b"/proc/%d/" % thread_group(caller.tid)):
                raise
            with own_capabilities():  # a task may always read its own
                return os.readlink(b"", dir_fd=target.descriptor)

    # --- The working directory --------------------------------------------------------------------------------------

    def chdir(self, caller: Caller, arguments: Arguments) -> int:
        """``chdir(path)``."""
        box = self._box
        path = box.memory.read_string(caller.tid, arguments[0])
        target = target_at(box, caller, AT_FDCWD, path, follow=True)
        answer = self._enter(caller, target)
        if misleads(box, caller, AT_FDCWD, path, target.status):
            place = box.descriptors.open(target.place, os.O_RDONLY | os.O_DIRECTORY)
            return box.leads.begin_from(caller, place, lambda number: (NUMBERS["fchdir"], number))
        return answer

    def fchdir(self, caller: Caller, arguments: Arguments) -> int:
        """``fchdir(descriptor)``."""
        return self._enter(caller, target_held(self._box, caller, arguments[0]))

    def _enter(self, caller: Caller, target: Target) -> int:
        """Let a task enter a directory; only it can. Whatever it enters is searched again for each relative path."""
        box = self._box
        if stat.S_ISDIR(target.status.st_mode):
            box.walker.privileges.check_mode(caller, target.status, os.X_OK)
            sid = box.labels.sid_of(target.descriptor, target.status, caller)
            box.monitor.check(caller, sid, "dir", ("search",), box.labels.at(target.descriptor))
        return CONTINUE

    # --- Handles ----------------------------------------------------------------------------------------------------

    def name_to_handle_at(self, caller: Caller, arguments: Arguments) -> int:
        """``name_to_handle_at(directory, path, handle, mount, flags)``; nobody opens a file by what it tells.

        Source: the kernel's ``do_sys_name_to_handle``.
        """
        directory, address, handle, mount = arguments[:4]
        box, flags = self._box, arguments[4] & 0xFFFFFFFF
        if flags & ~(_AT_SYMLINK_FOLLOW | AT_EMPTY_PATH | _HANDLE_FLAGS):
            return -errno.EINVAL
        target = target_in(box, caller, directory, address, flags, follow=bool(flags & _AT_SYMLINK_FOLLOW))
        (size,) = _HANDLE_SIZE.unpack(box.memory.read_exactly(caller.tid, handle, _HANDLE_SIZE.size))
        if size > _LONGEST_HANDLE:
            return -errno.EINVAL
        told = ctypes.create_string_buffer(_HANDLE_SIZE.pack(size), _HANDLE_HEAD + size)
        number = ctypes.create_string_buffer(8 if flags & _AT_HANDLE_MNT_ID_UNIQUE else 4)
        call = NUMBERS["name_to_handle_at"], target.descriptor, b"\0", told, number
        result = 0
        try:
            system_call(*call, flags & _HANDLE_FLAGS | AT_EMPTY_PATH)
        except OSError as error:
            if error.errno != errno.EOVERFLOW:  # of which is told how long it is
                raise
            result = -errno.EOVERFLOW
        box.memory.write(caller.tid, mount, number.raw)
        (length,) = _HANDLE_SIZE.unpack_from(told)
        box.memory.write(caller.tid, handle, told.raw[: _HANDLE_HEAD + (0 if result else length)])
        return result

    # --- File systems -----------------------------------------------------------------------------------------------

    def statfs(self, caller: Caller, arguments: Arguments) -> int:
        """``statfs(path, buffer)``."""
        box = self._box
        path = box.memory.read_string(caller.tid, arguments[0])
        data = self._selinux_paths.filesystem(caller, path)
        if data is None:
            target = target_at(box, caller, AT_FDCWD, path, follow=True)
            data = self._filesystem(caller, target)
        box.memory.write(caller.tid, arguments[1], data)
        return 0

    def fstatfs(self, caller: Caller, arguments: Arguments) -> int:
        """``fstatfs(descriptor, buffer)``."""
        data = self._filesystem(caller, target_held(self._box, caller, arguments[0]))
        self._box.memory.write(caller.tid, arguments[1], data)
        return 0

    def _filesystem(self, caller: Caller, target: Target) -> bytes:
        box = self._box
        status = target.status
        internal = _INTERNAL.get(stat.S_IFMT(status.st_mode), "")
        if box.labels.filesystem_of(status.st_dev):
            box.monitor.check(caller, box.labels.filesystem_sid_on(status.st_dev), "filesystem", ("getattr",), dict)
        elif internal:
            box.monitor.check(caller, box.labels.filesystem_sid(internal), "filesystem", ("getattr",), dict)
        buffer = ctypes.create_string_buffer(_STATFS_SIZE)
        system_call(NUMBERS["fstatfs"], target.descriptor, buffer)
        return buffer.raw


def _permissions(mode: int, object_class: str) -> tuple[str, ...]:
    """Return the permissions that an access mode asks for (kernel: ``file_mask_to_av``)."""
    bits = ((os.X_OK, "search" if object_class == "dir" else "execute"), (os.R_OK, "read"), (os.W_OK, "write"))
    return tuple(permission for bit, permission in bits if mode & bit)
