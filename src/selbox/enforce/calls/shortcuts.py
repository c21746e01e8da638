"""Calls on files to which all is granted with nothing to record, or that are not there: answered in few steps.

Programs make such calls by the thousand, and what a handler does for them is mostly to find out that nothing is new.
Nothing is decided here: a shortcut that does not know the answer leaves the call to its handler, which does.
"""

import ctypes
import errno
import fcntl
import os
from collections.abc import Callable

from selbox.enforce.box import Box
from selbox.enforce.calls.openpermissions import open_mask, with_open
from selbox.enforce.calls.selinuxpaths import SelinuxPaths
from selbox.enforce.knownpaths import Place
from selbox.enforce.linux import AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_PATH, O_TMPFILE, system_call_with
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.parts.mappings import LOWEST_ADDRESS, MAP_ANONYMOUS, MAP_FIXED, PROT_EXEC
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.statusdata import kind_and_key, status_data, write_status
from selbox.enforce.tasks import TaskState
from selbox.typing import Final

Shortcut = Callable[[int, int, int, TaskState, Arguments], bool]
"""Answers a call, and tells whether it did: from the cookie of the notification, the thread id of the caller, the
number and the state of its kind (:attr:`selbox.enforce.caller.Caller.kind`), and the registers."""

KNOWN: Final = 0x7FFFC3
"""Flags of ``open``, which heeds no others (kernel: ``VALID_OPEN_FLAGS``)."""

UNUSUAL: Final = os.O_CREAT | os.O_TRUNC | O_PATH | (O_TMPFILE & ~os.O_DIRECTORY)
"""The flags with which a file is not just opened."""
WANTED: Final = os.O_ACCMODE | os.O_APPEND
"""The flags that tell what is asked for where a file is just opened."""
STATUS_WANTED: Final = 1 << 20
ACCESS_WANTED: Final = 1 << 21
NO_LINK: Final = 1 << 22
"""What is remembered as granted, beside flags for opening: the status; access, with its mode; to be told that an object
is no link."""
AT_EACCESS: Final = 0x200

_AS_OPENED: Final = os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
_PLAIN: Final = frozenset({"file", "dir"})
_GETATTR: Final = ("getattr",)
_MAP_TO_RUN: Final = ("map", "read", "execute")
_PROT_READ_EXEC: Final = PROT_EXEC | 1
_MAP_PRIVATE: Final = 2
_MAP_TYPE: Final = 0xF
_TCGETS: Final = 0x5401


may_access: Final = system_call_with(
    NUMBERS["faccessat2"], ctypes.c_long, ctypes.c_char_p, ctypes.c_long, ctypes.c_long
)
"""``faccessat2(2)``: of a directory, a path, a mode and flags; raises what it fails with."""


class Shortcuts:
    """The shortcuts of a box.

    Args:
        box: the box.
        selinux_paths: knows which paths may mean SELinux's own files, to which there is no shortcut.
    """

    def __init__(self, box: Box, selinux_paths: SelinuxPaths) -> None:
        self._listener = box.listener
        self._memory = box.memory
        self._known, self._privileges = box.walker.known, box.walker.privileges
        self._labels = box.labels
        self._stood_for = box.walker.stand_ins.files
        self._monitor = box.monitor
        self._openers = box.openers
        self._pidfds = box.pidfds
        self._is_ordinary = selinux_paths.is_ordinary

    def by_number(self) -> dict[int, Shortcut]:
        """Return them by the number of their call, which have the methods' names."""
        files = (self.open, self.openat, self.readlink, self.access)
        every = (*files, self.stat, self.lstat, self.fstat, self.newfstatat, self.mmap, self.ioctl)
        return {NUMBERS[each.__name__]: each for each in every}

    # --- Opening ----------------------------------------------------------------------------------------------------

    def open(self, id_: int, tid: int, kind: int, state: TaskState, arguments: Arguments) -> bool:
        """``open(path, flags)``."""
        return self._open(id_, tid, kind, state, AT_FDCWD, arguments[0], arguments[1])

    def openat(self, id_: int, tid: int, kind: int, state: TaskState, arguments: Arguments) -> bool:
        """``openat(directory, path, flags)``."""
        return self._open(id_, tid, kind, state, arguments[0], arguments[1], arguments[2])

    def _open(self, id_: int, tid: int, kind: int, state: TaskState, directory: int, address: int, flags: int) -> bool:
        flags &= KNOWN
        if flags & UNUSUAL:
            return False
        path = self._memory.read_string(tid, address)
        if not self._is_ordinary(tid, directory, path):
            return False
        follow = not flags & os.O_NOFOLLOW
        found = self._known.recall(tid, kind, directory, path, flags & WANTED, follow=follow)
        if found is not None:
            return self._give(id_, state, *found, None, flags)
        met = self._known.meet(tid, kind, directory, path, follow=follow)
        if met is None:
            return self._deny_absent(id_, kind, path)
        start, place, seen = met
        if (
            seen[1] not in _PLAIN
            or not self._monitor.is_quiet(state.sid, *seen, with_open(flags))
            or not self._privileges.needs_none(state, place.head, open_mask(flags))
            or not self._give(id_, state, path, place, start, flags)
        ):
            return False
        self._known.remember(kind, place, flags & WANTED)
        return True

    def _give(self, id_: int, state: TaskState, path: bytes, place: Place, start: int | None, flags: int) -> bool:
        """Open what was found and hand it over, if it is that still."""
        try:
            opened = os.open(path, flags | _AS_OPENED, dir_fd=start)
        except OSError:
            return False
        try:
            data = status_data(opened, b"", AT_EMPTY_PATH)
            if data is None or not data.startswith(place.head):
                return False
            if not flags & os.O_NONBLOCK:
                fcntl.fcntl(opened, fcntl.F_SETFL, flags)
            self._openers.note_key(place.key, state.sid)
            self._listener.give_descriptor(id_, opened, flags & os.O_CLOEXEC)
        finally:
            os.close(opened)
        return True

    def _deny_absent(self, id_: int, kind: int, path: bytes) -> bool:
        """Answer that nothing has a name, if so."""
        if not self._known.is_absent(kind, path):
            return False
        self._listener.give_result(id_, -errno.ENOENT)
        return True

    # --- The status -------------------------------------------------------------------------------------------------

    def stat(self, id_: int, tid: int, kind: int, state: TaskState, arguments: Arguments) -> bool:
        """``stat(path, buffer)``."""
        path = self._memory.read_string(tid, arguments[0])
        return self._show(id_, tid, kind, state, AT_FDCWD, path, arguments[1], follow=True)

    def lstat(self, id_: int, tid: int, kind: int, state: TaskState, arguments: Arguments) -> bool:
        """``lstat(path, buffer)``."""
        path = self._memory.read_string(tid, arguments[0])
        return self._show(id_, tid, kind, state, AT_FDCWD, path, arguments[1], follow=False)

    def newfstatat(self, id_: int, tid: int, kind: int, state: TaskState, arguments: Arguments) -> bool:
        """``newfstatat(directory, path, buffer, flags)``; C libraries ask with an empty path for what is open."""
        directory, address, buffer, flags = arguments[:4]
        if flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH):
            return False
        path = self._memory.read_string(tid, address)
        if path:
            return self._show(id_, tid, kind, state, directory, path, buffer, follow=not flags & AT_SYMLINK_NOFOLLOW)
        return bool(flags & AT_EMPTY_PATH) and self._show_open(id_, tid, state, directory, buffer)

    def _show(
        self, id_: int, tid: int, kind: int, state: TaskState, directory: int, path: bytes, buffer: int, *, follow: bool
    ) -> bool:
        if not self._is_ordinary(tid, directory, path):
            return False
        if self._known.recall(tid, kind, directory, path, STATUS_WANTED, follow=follow) is None:
            met = self._known.meet(tid, kind, directory, path, follow=follow)
            if met is None:
                return self._deny_absent(id_, kind, path)
            if not self._monitor.is_quiet(state.sid, *met[2], _GETATTR):
                return False
            self._known.remember(kind, met[1], STATUS_WANTED)
        write_status(tid, buffer)
        self._listener.give_result(id_, 0)
        return True

    def fstat(self, id_: int, tid: int, _kind: int, state: TaskState, arguments: Arguments) -> bool:
        """``fstat(descriptor, buffer)``."""
        return self._show_open(id_, tid, state, arguments[0], arguments[1])

    def _show_open(self, id_: int, tid: int, state: TaskState, number: int, buffer: int) -> bool:
        seen = self._seen_open(tid, state, number)
        if seen is None or not self._monitor.is_quiet(state.sid, *seen, _GETATTR):
            return False
        write_status(tid, buffer)
        self._listener.give_result(id_, 0)
        return True

    def _seen_open(self, tid: int, state: TaskState, number: int) -> tuple[int, str] | None:
        """Return SID and class of what a descriptor is open on, if that is known.

        It leaves its status where :func:`write_status` finds it.
        """
        number &= 0xFFFFFFFF
        if number >> 31 or state.root_changed:  # no descriptor; or other namespaces, which see other owners
            return None
        data = self._data_of(tid, state, number)
        if data is None:
            return None
        kind, inode, device = kind_and_key(data)
        return None if (device, inode) in self._stood_for else self._labels.seen_as(kind, inode, device)

    def _data_of(self, tid: int, state: TaskState, number: int) -> bytes | None:
        """Return ``struct stat`` of what a descriptor is open on."""
        if not state.credentials_changed:
            return status_data(AT_FDCWD, b"/proc/%d/fd/%d" % (tid, number), 0)
        try:  # what is its own in /proc may be root's, and a copy takes less than to be root for a moment
            copy = self._pidfds.copy(tid, number)
        except OSError:
            return None
        try:
            return status_data(copy, b"", AT_EMPTY_PATH)
        finally:
            os.close(copy)

    # --- Others -----------------------------------------------------------------------------------------------------

    def readlink(self, id_: int, tid: int, kind: int, _state: TaskState, arguments: Arguments) -> bool:
        """``readlink(path, buffer, size)`` of what is no link: C compilers ask so of all parts of their paths."""
        if not 0 < arguments[2] & 0xFFFFFFFF < 1 << 31:
            return False
        path = self._memory.read_string(tid, arguments[0])
        if not self._is_ordinary(tid, AT_FDCWD, path):
            return False
        if self._known.recall(tid, kind, AT_FDCWD, path, NO_LINK, follow=False) is None:
            return self._deny_absent(id_, kind, path)
        self._listener.give_result(id_, -errno.EINVAL)
        return True

    def access(self, id_: int, tid: int, kind: int, _state: TaskState, arguments: Arguments) -> bool:
        """``access(path, mode)`` of an absolute path."""
        mode = arguments[1] & 0xFFFFFFFF
        if mode & ~7:
            return False
        path = self._memory.read_string(tid, arguments[0])
        if path[:1] != b"/" or not self._is_ordinary(tid, AT_FDCWD, path):
            return False
        if self._known.recall(tid, kind, AT_FDCWD, path, ACCESS_WANTED | mode, follow=True) is None:
            return self._deny_absent(id_, kind, path)
        may_access(AT_FDCWD, path, mode, AT_EACCESS)
        self._listener.give_result(id_, 0)
        return True

    def mmap(self, id_: int, tid: int, _kind: int, state: TaskState, arguments: Arguments) -> bool:
        """``mmap(address, length, protection, flags, descriptor)`` of code, as loaders of programs map libraries."""
        address, _, protection, flags, number, _ = arguments
        is_code = protection == _PROT_READ_EXEC and flags & (MAP_ANONYMOUS | _MAP_TYPE) == _MAP_PRIVATE
        if not is_code or (address < LOWEST_ADDRESS and flags & MAP_FIXED):
            return False
        seen = self._seen_open(tid, state, number)
        if seen is None or not self._monitor.is_quiet(state.sid, *seen, _MAP_TO_RUN):
            return False
        self._listener.let_continue(id_)
        return True

    def ioctl(self, id_: int, tid: int, _kind: int, state: TaskState, arguments: Arguments) -> bool:
        """``ioctl(descriptor, TCGETS)``: many a program asks of whatever it opens whether that is a terminal."""
        if arguments[1] & 0xFFFFFFFF != _TCGETS:
            return False
        seen = self._seen_open(tid, state, arguments[0])
        if seen is None or not self._monitor.is_quiet_command(state.sid, *seen):
            return False
        self._listener.let_continue(id_)
        return True
