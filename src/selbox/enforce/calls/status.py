"""The status of files: ``stat`` and its kin.

The supervisor looks and writes what it saw into the caller's memory: which file is shown is which was decided about.
"""

import ctypes
import errno
import os
import stat
from contextlib import suppress

from selbox.enforce.answer import Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.callerfiles import check_socket, has_label
from selbox.enforce.calls.selinuxpaths import SelinuxPaths
from selbox.enforce.calls.shortcuts import STATUS_WANTED
from selbox.enforce.identitymaps import shown_group, shown_user
from selbox.enforce.linux import AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, system_call
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.statusdata import (
    stat_structure,
    statx_names,
    statx_structure,
    with_owner,
)
from selbox.typing import Final, NamedTuple

_NO_AUTOMOUNT: Final = 0x800
_SYNCHRONISATION: Final = 0x6000
_FLAGS: Final = AT_SYMLINK_NOFOLLOW | _NO_AUTOMOUNT | AT_EMPTY_PATH | _SYNCHRONISATION
_STATX_RESERVED: Final = 0x80000000
_STATX_SIZE: Final = 256
_WORKING_DIRECTORY: Final = AT_FDCWD & 0xFFFFFFFF
_GETATTR: Final = ("getattr",)


class StatusCalls:
    """``stat``, ``lstat``, ``fstat``, ``newfstatat`` and ``statx``.

    Source: the kernel's ``vfs_getattr`` and ``selinux_inode_getattr``.
    """

    def __init__(self, box: Box, selinux_paths: SelinuxPaths) -> None:
        self._box = box
        self._selinux_paths = selinux_paths

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by name of their call, which are those of the methods."""
        return {each.__name__: each for each in (self.stat, self.lstat, self.fstat, self.newfstatat, self.statx)}

    def stat(self, caller: Caller, arguments: Arguments) -> int:
        """``stat(path, buffer)``."""
        path = self._box.memory.read_string(caller.tid, arguments[0])
        return self._status(caller, AT_FDCWD, path, arguments[1], follow=True)

    def lstat(self, caller: Caller, arguments: Arguments) -> int:
        """``lstat(path, buffer)``."""
        path = self._box.memory.read_string(caller.tid, arguments[0])
        return self._status(caller, AT_FDCWD, path, arguments[1], follow=False)

    def fstat(self, caller: Caller, arguments: Arguments) -> int:
        """``fstat(descriptor, buffer)``."""
        number = arguments[0] & 0xFFFFFFFF
        if number == AT_FDCWD & 0xFFFFFFFF:
            return -errno.EBADF
        return self._status_of(caller, number, arguments[1])

    def newfstatat(self, caller: Caller, arguments: Arguments) -> int:
        """``newfstatat(directory, path, buffer, flags)``."""
        directory, address, buffer, flags = arguments[:4]
        path = self._path(caller, address, flags)
        if path is None:
            return self._status_of(caller, directory, buffer)
        return self._status(caller, directory, path, buffer, follow=not flags & AT_SYMLINK_NOFOLLOW)

    def statx(self, caller: Caller, arguments: Arguments) -> int:
        """``statx(directory, path, flags, mask, buffer)``."""
        directory, address, flags, mask, buffer, _ = arguments
        if mask & _STATX_RESERVED or flags & _SYNCHRONISATION == _SYNCHRONISATION:
            return -errno.EINVAL
        path = self._path(caller, address, flags)
        if path is None:
            seen = self._by_number(caller, directory)
        else:
            seen = self._by_path(caller, directory, path, follow=not flags & AT_SYMLINK_NOFOLLOW)
        status = seen.status
        data = seen.extended(flags & _SYNCHRONISATION, mask & 0xFFFFFFFF)
        if caller.state.root_changed:
            data = with_owner(data, shown_user(caller.tid, status.st_uid), shown_group(caller.tid, status.st_gid))
        self._box.memory.write(caller.tid, buffer, data)
        return 0

    def _status(self, caller: Caller, directory: int, path: bytes, buffer: int, *, follow: bool) -> int:
        """Answer with the status of what a path names."""
        return self._give(caller, buffer, self._by_path(caller, directory, path, follow=follow).status)

    def _status_of(self, caller: Caller, number: int, buffer: int) -> int:
        """Answer with the status of what a descriptor is open on."""
        return self._give(caller, buffer, self._by_number(caller, number).status)

    def _give(self, caller: Caller, buffer: int, status: os.stat_result) -> int:
        if caller.state.root_changed:
            owner = shown_user(caller.tid, status.st_uid), shown_group(caller.tid, status.st_gid)
            self._box.memory.write(caller.tid, buffer, stat_structure(status, *owner))
        else:
            self._box.memory.write(caller.tid, buffer, stat_structure(status, status.st_uid, status.st_gid))
        return 0

    # --- What a call names ------------------------------------------------------------------------------------------

    def _path(self, caller: Caller, address: int, flags: int) -> bytes | None:
        """Read a path; None means the directory descriptor itself."""
        if flags & 0xFFFFFFFF & ~_FLAGS:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if not flags & AT_EMPTY_PATH:
            return self._box.memory.read_string(caller.tid, address)
        return (self._box.memory.read_string(caller.tid, address) if address else b"") or None

    def _by_path(self, caller: Caller, directory: int, path: bytes, *, follow: bool) -> "_Seen":
        box = self._box
        special = self._selinux_paths.status(caller, directory, path)
        if special is not None:
            return _Seen(special)
        look = box.walker.look(caller, directory, path, STATUS_WANTED, follow=follow)
        if look is not None:
            if look.is_granted or self._is_granted(caller, *look.status[:3]):
                if not look.is_granted:
                    box.walker.known.remember(caller.kind, look.place, STATUS_WANTED)
                return _Seen(look.status, look.start, path, 0 if follow else AT_SYMLINK_NOFOLLOW)
            held = box.walker.hold(look, path, follow=follow)
            if held is not None:
                box.labels.sid_of(held, look.status, caller, box.walker.path_of(look, path))
                if self._check(caller, held, look.status):
                    box.walker.known.remember(caller.kind, look.place, STATUS_WANTED)
                return _Seen(look.status, held, b"", AT_EMPTY_PATH)
        located = box.walker.locate(caller, directory, path, follow=follow, parent=False)
        status = located.found
        if located.must_be_directory and not stat.S_ISDIR(status.st_mode):
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        shown = self._stood_for(caller, status)
        if shown is not None:
            return _Seen(shown)
        self._check(caller, located.object, status)
        return _Seen(status, located.object, b"", AT_EMPTY_PATH)

    def _by_number(self, caller: Caller, number: int) -> "_Seen":
        box = self._box
        if number & 0xFFFFFFFF != _WORKING_DIRECTORY:
            status = box.walker.status_of(caller, number)
            shown = self._stood_for(caller, status)
            if shown is not None:
                return _Seen(shown)
            if self._is_granted(caller, *status[:3]):
                return _Seen(status, AT_FDCWD, b"/proc/%d/fd/%d" % (caller.tid, number & 0xFFFFFFFF), 0)
        descriptor = box.walker.start_of(caller, number)
        status = os.fstat(descriptor)
        if not has_label(box, status):
            check_socket(box, caller, status, _GETATTR)
        elif not box.openers.is_handed_in(status):
            self._check(caller, descriptor, status)
        return _Seen(status, descriptor, b"", AT_EMPTY_PATH)

    def _stood_for(self, caller: Caller, status: os.stat_result) -> os.stat_result | None:
        """Return the status of the file that an open one stands for; None where it stands for none."""
        file = self._box.walker.stand_ins.open_file(status)
        if file is None:
            return None
        self._box.monitor.check(caller, file.sid, "file", _GETATTR, lambda: file.fields)
        try:
            return file.status()
        except OSError:
            return None

    def _is_granted(self, caller: Caller, mode: int, inode: int, device: int) -> bool:
        """Tell whether a file's label and the answer are known already, and there is nothing to record."""
        seen = self._box.labels.seen_as(mode, inode, device)
        return seen is not None and self._box.monitor.is_quiet(caller.state.sid, *seen, _GETATTR)

    def _check(self, caller: Caller, descriptor: int, status: os.stat_result) -> bool:
        """Check that a caller may know of a file; return whether there was nothing to record."""
        box = self._box
        sid = box.labels.sid_of(descriptor, status, caller)
        return box.monitor.check(caller, sid, box.labels.class_of(status), _GETATTR, box.labels.at(descriptor))


class _Seen(NamedTuple):
    """What a call names.

    Attributes:
        status: its status.
        start: descriptor that leads to it; path: from there; flags: of ``statx`` with them. A path of None is that of
            an object that only the box has.
    """

    status: os.stat_result
    start: int = -1
    path: bytes | None = None
    flags: int = 0

    def extended(self, flags: int, mask: int) -> bytes:
        """Return ``struct statx``.

        Args:
            flags: how current it is to be.
            mask: the fields that are wanted.
        """
        if self.path is not None:
            buffer = ctypes.create_string_buffer(_STATX_SIZE)
            with suppress(OSError):
                system_call(NUMBERS["statx"], self.start, self.path, self.flags | flags, mask, buffer)
                if statx_names(buffer.raw, self.status):
                    return buffer.raw
        # INVARIANT: what is shown is the object that was decided about, also when its name is another's by now.
        return statx_structure(self.status)
