"""Opening and creating files."""

import errno
import fcntl
import os
import stat
import struct

from selbox.enforce.answer import ANSWERED, CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.callerfiles import misleads
from selbox.enforce.calls.directoryentries import DirectoryEntries
from selbox.enforce.calls.openpermissions import open_mask, sought_permissions, with_open
from selbox.enforce.calls.selinuxpaths import SelinuxPaths
from selbox.enforce.calls.shortcuts import KNOWN, UNUSUAL, WANTED
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.ipcnamespaces import in_ipc_of
from selbox.enforce.linux import AT_FDCWD, O_PATH, O_TMPFILE
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.shownpaths import path_of
from selbox.enforce.targets import keep_off
from selbox.enforce.walks import Located, is_own_descriptors
from selbox.typing import Final

_HOW = struct.Struct("=QQQ")
_LARGEST_HOW: Final = 4096
_WITH_PATH_ALONE: Final = O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_TMPFILE_BIT: Final = O_TMPFILE & ~os.O_DIRECTORY
_BLOCKING: Final = frozenset({stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK})
_MAX_ATTEMPTS: Final = 8
_PLAIN: Final = frozenset({stat.S_IFREG, stat.S_IFDIR})
_TTY_MAJOR: Final = 5
_TERMINAL_MAJOR: Final = 136
_PROMPT_MAJORS: Final = frozenset({1, _TTY_MAJOR, *range(_TERMINAL_MAJOR, 144)})
"""Devices whose opening never waits: memory devices, the terminal multiplexer, pseudo terminals."""

_TERMINAL_MAKER: Final = os.makedev(_TTY_MAJOR, 2)
"""``/dev/ptmx``."""
_GET_PEER: Final = 0x5441
"""``TIOCGPTPEER``."""


class FileCalls:
    """``open``, ``openat``, ``openat2`` and ``creat``."""

    def __init__(self, box: Box, selinux_paths: SelinuxPaths) -> None:
        self._box = box
        self._entries = DirectoryEntries(box)
        self._selinux_paths = selinux_paths
        self._workers = box.workers

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls."""
        return {
            "open": self.open,
            "creat": self.creat,
            "openat": self.openat,
            "openat2": self.openat2,
        }

    def open(self, caller: Caller, arguments: Arguments) -> int:
        """``open(path, flags, mode)``."""
        return self._open(caller, AT_FDCWD, arguments[0], _known(arguments[1]), arguments[2])

    def creat(self, caller: Caller, arguments: Arguments) -> int:
        """``creat(path, mode)``."""
        flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC
        return self._open(caller, AT_FDCWD, arguments[0], flags, arguments[1])

    def openat(self, caller: Caller, arguments: Arguments) -> int:
        """``openat(directory, path, flags, mode)``."""
        return self._open(caller, arguments[0], arguments[1], _known(arguments[2]), arguments[3])

    def openat2(self, caller: Caller, arguments: Arguments) -> int:
        """``openat2(directory, path, how, size)``; with resolution flags there is no such call.

        What the kernel opens with ``O_PATH`` only the task can come by, with the flags that lie in memory by then: so
        the task is led to ``openat``, which has them in a register.
        """
        if arguments[3] < _HOW.size:
            return -errno.EINVAL
        if arguments[3] > _LARGEST_HOW:
            return -errno.E2BIG
        how = self._box.memory.read_exactly(caller.tid, arguments[2], _HOW.size)
        flags, mode, resolve = _HOW.unpack(how)
        if resolve:
            return -errno.ENOSYS
        answer = self._open(caller, arguments[0], arguments[1], flags, mode)
        if answer != CONTINUE:
            return answer
        try:
            return self._box.leads.begin(caller, (NUMBERS["openat"], arguments[0], arguments[1], flags & 0xFFFFFFFF))
        except PermissionError:
            return -errno.ENOSYS  # whom somebody traces nobody else leads; programs can do without this call

    def _open(self, caller: Caller, directory: int, address: int, flags: int, mode: int) -> int:
        box = self._box
        path = box.memory.read_string(caller.tid, address)
        flags &= 0xFFFFFFFF
        special = self._selinux_paths.open(caller, directory, path, flags)
        if special is not None:
            return special
        if _is_contradictory(flags):
            return -errno.EINVAL
        creates = bool(flags & os.O_CREAT)
        if creates and path[-1:] == b"/":
            located = box.walker.locate_name(caller, directory, path)
            return -errno.EEXIST if flags & os.O_EXCL and located.parent < 0 else -errno.EISDIR
        follow = not (flags & os.O_NOFOLLOW or (creates and flags & os.O_EXCL))
        if path and not flags & UNUSUAL and self._open_plain(caller, directory, path, flags):
            return ANSWERED
        for _ in range(_MAX_ATTEMPTS):
            located = box.walker.locate(caller, directory, path, follow=follow, parent=creates)
            if flags & _TMPFILE_BIT:
                return self._open_nameless(caller, located, flags, mode)
            if located.status is None:
                if not creates:
                    return -errno.ENOENT
                try:
                    return self._create(caller, located, flags, mode)
                except FileExistsError:
                    if flags & os.O_EXCL:
                        raise
                    continue  # somebody outside the box was quicker
            if flags & O_PATH and misleads(box, caller, directory, path, located.found, flags):
                return self._lead(caller, located, path, address, flags)
            return self._open_existing(caller, located, flags)
        return -errno.EEXIST

    def _open_plain(self, caller: Caller, directory: int, path: bytes, flags: int) -> bool:
        """Open a file or a directory to which the way is known; tell whether it was one.

        It is opened by its path, and then seen to be the object that the path was found to name.
        """
        box = self._box
        follow, wanted = not flags & os.O_NOFOLLOW, flags & WANTED
        look = box.walker.look(caller, directory, path, wanted, follow=follow)
        if look is None or stat.S_IFMT(look.status.st_mode) not in _PLAIN:
            return False
        # Not to wait is for what somebody outside may have put there since; a lease on a file makes it wait as well.
        # Ordinary permissions are asked first, as the kernel does: what they deny is no event for policy.
        try:
            opened = box.descriptors.open(path, flags | os.O_NOCTTY | os.O_NONBLOCK, look.start)
        except BlockingIOError:
            return False
        status = os.fstat(opened)
        if (status.st_dev, status.st_ino) != look.place.key:
            return False  # somebody outside the box was quicker
        if not look.is_granted:
            if box.labels.seen(status) is None:
                box.labels.sid_of(opened, status, caller, box.walker.path_of(look, path))
            if self._check_open(caller, opened, status, flags):
                box.walker.known.remember(caller.kind, look.place, wanted)
        if not flags & os.O_NONBLOCK:
            fcntl.fcntl(opened, fcntl.F_SETFL, flags)
        self._hand_over(caller, opened, status, flags)
        return True

    def _open_existing(self, caller: Caller, located: Located, flags: int) -> int:
        status = located.found
        kind = stat.S_IFMT(status.st_mode)
        if flags & os.O_CREAT:
            if flags & os.O_EXCL:
                return -errno.EEXIST
            if kind == stat.S_IFDIR:
                return -errno.EISDIR
        if kind != stat.S_IFDIR and (located.must_be_directory or flags & os.O_DIRECTORY):
            return -errno.EISDIR if flags & os.O_CREAT else -errno.ENOTDIR
        if flags & O_PATH:
            # The kernel lets no supervisor hand over such a descriptor. It gives no access: what is done with it is
            # asked about then. Only the directories on the way could be passed by, by a thread that changes the path.
            return CONTINUE
        if kind == stat.S_IFLNK:
            return -errno.ELOOP
        if kind == stat.S_IFSOCK:
            self._check_open(caller, located.object, status, flags)
            return -errno.ENXIO
        clean = flags & ~(os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW) | os.O_NOCTTY
        if kind in _BLOCKING:
            self._check_open(caller, located.object, status, flags)
            return self._open_special(caller, located, clean)
        if flags & os.O_TRUNC or self._box.labels.is_layered(status.st_dev):  # to open it may be to copy it
            self._check_open(caller, located.object, status, flags)
            opened = self._open_promptly(caller, located, clean)
        else:
            # Ordinary permissions are asked first, as the kernel does: what they deny is no event for policy.
            opened = self._open_promptly(caller, located, clean)
            self._check_open(caller, located.object, status, flags)
        if opened is None:
            return self._open_later(caller, located, clean)
        return self._hand_over(caller, opened, status, flags)

    def _open_promptly(self, caller: Caller, located: Located, flags: int) -> int | None:
        """Open an object if that takes no waiting; None where somebody is to give up a lease on it first."""
        try:
            opened = self._open_ordinarily(caller, located.object, flags | os.O_NONBLOCK)
        except BlockingIOError:
            if flags & os.O_NONBLOCK:
                raise
            return None
        if not flags & os.O_NONBLOCK:
            fcntl.fcntl(opened, fcntl.F_SETFL, flags)
        return opened

    def _open_ordinarily(self, caller: Caller, descriptor: int, flags: int) -> int:
        """Open an object, if ordinary permissions let the caller."""
        try:
            with in_ipc_of(caller):  # files of /proc show the objects of whoever opens them
                return self._box.descriptors.open(_reopen(descriptor), flags)
        except PermissionError:
            if not is_own_descriptors(self._box.labels, caller, descriptor):
                raise
            with own_capabilities():
                return self._box.descriptors.open(_reopen(descriptor), flags)

    def _lead(self, caller: Caller, located: Located, path: bytes, address: int, flags: int) -> int:
        """Open with ``O_PATH`` what the kernel would not come to by the path."""
        box = self._box
        is_directory = stat.S_ISDIR(located.found.st_mode)
        held = located.object if is_directory else located.parent
        place = box.descriptors.open(_reopen(held), os.O_RDONLY | os.O_DIRECTORY)
        if is_directory:
            return self._hand_over(caller, place, located.found, flags)
        if flags & os.O_DIRECTORY:
            return -errno.ENOTDIR
        name = path.rpartition(b"/")[2]
        if name != located.name:
            return -errno.ENOENT  # by a link to it, the name is nowhere in the caller's memory
        last = address + len(path) - len(name)
        return box.leads.begin_from(caller, place, lambda number: (NUMBERS["openat"], number, last, flags))

    def _check_open(self, caller: Caller, descriptor: int, status: os.stat_result, flags: int) -> bool:
        """Check as the kernel's ``may_open`` and then ``selinux_file_open`` do.

        Returns:
            Whether it was granted by the mode of the file, and with nothing to record.
        """
        box = self._box
        if (
            caller.state.root_changed
            and flags & os.O_ACCMODE
            and self._is_of_another_network(caller, descriptor, status)
        ):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        is_ordinary = box.walker.privileges.check_mode(caller, status, open_mask(flags))
        wanted = with_open(flags)
        seen = box.labels.seen(status)
        if seen is not None and box.monitor.is_quiet(caller.state.sid, *seen, wanted):
            return is_ordinary
        sid = box.labels.sid_of(descriptor, status, caller)
        object_class = box.labels.class_of(status)
        is_memory = object_class == "file" and box.labels.is_memory(descriptor, status)

        describe = box.labels.at(descriptor)
        box.monitor.check(caller, sid, object_class, sought_permissions(flags), describe)
        if is_memory:
            box.monitor.check(caller, sid, "process", ("ptrace",), describe)
            if not box.labels.is_of_box(descriptor):
                raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        box.monitor.check(caller, sid, object_class, wanted, describe)
        task = box.labels.task_of(descriptor, status, caller)
        if task and flags & os.O_ACCMODE:
            keep_off(box, task)
        for awaited in box.tasks.awaited_sids(task) if task else ():
            box.monitor.check(caller, awaited, object_class, wanted, describe)
            if is_memory:
                box.monitor.check(caller, awaited, "process", ("ptrace",), describe)
        return False

    def _is_of_another_network(self, caller: Caller, descriptor: int, status: os.stat_result) -> bool:
        """Tell whether a setting of ``/proc/sys/net`` is of the supervisor's network, and not of the caller's own."""
        if self._box.labels.filesystem_of(status.st_dev) != "proc" or "/sys/net/" not in path_of(descriptor):
            return False
        with own_capabilities():
            own, network = (os.stat(f"/proc/{task}/ns/net").st_ino for task in ("self", caller.tid))
        return own != network

    def _hand_over(self, caller: Caller, descriptor: int, status: os.stat_result, flags: int) -> int:
        self._box.openers.note(status, caller.state.sid)
        self._box.listener.give_descriptor(caller.id, descriptor, flags & os.O_CLOEXEC)
        return ANSWERED

    def _open_special(self, caller: Caller, located: Located, flags: int) -> int:
        """Open what may block (a named pipe, a device) where it cannot stop the others."""
        status = located.found
        source = located.object
        if stat.S_ISCHR(status.st_mode) and status.st_rdev == os.makedev(_TTY_MAJOR, 0):
            source = self._controlling_terminal(caller)
        prompt = stat.S_ISCHR(status.st_mode) and os.major(status.st_rdev) in _PROMPT_MAJORS
        if prompt or flags & os.O_NONBLOCK:
            opened = self._box.descriptors.open(_reopen(source), flags)
            if status.st_rdev == _TERMINAL_MAKER:
                self._label_terminal(caller, opened)
            return self._hand_over(caller, opened, status, flags)
        return self._open_later(caller, located._replace(object=source), flags)

    def _open_later(self, caller: Caller, located: Located, flags: int) -> int:
        """Open what may have to be waited for where it stops nobody else; policy was asked."""
        self._box.openers.note(located.found, caller.state.sid)
        self._workers.open(caller, self._box.descriptors.keep(located.object), flags)
        return ANSWERED

    def _label_terminal(self, caller: Caller, master: int) -> None:
        """Label the pseudo terminal that an opening of ``ptmx`` has made, wherever its file system is mounted.

        Args:
            caller: who opened.
            master: what opening it gave.

        Source: the kernel's ``ptm_open_peer``, ``devpts_pty_new`` and ``inode_doinit_with_dentry``.
        """
        try:
            # What is opened as a path alone does not count as an opening of the terminal.
            terminal = fcntl.ioctl(master, _GET_PEER, O_PATH | os.O_CLOEXEC)
        except OSError:
            return  # nobody can name it
        self._box.labels.appeared(os.fstat(self._box.descriptors.add(terminal)), caller)

    def _controlling_terminal(self, caller: Caller) -> int:
        """Open the caller's own terminal, which ``/dev/tty`` stands for."""
        with open(f"/proc/{caller.tid}/stat", "rb") as line:
            number = int(line.read().rpartition(b")")[2].split()[4])
        major, minor = number >> 8 & 0xFFF, number & 0xFF | number >> 12 & 0xFFF00
        if number == 0:
            raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))
        path = f"/dev/pts/{minor + (major - 136 << 8)}" if 136 <= major <= 143 else f"/dev/tty{minor}"
        terminal = self._box.descriptors.open(path, O_PATH)
        if os.fstat(terminal).st_rdev != os.makedev(major, minor):
            raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))
        return terminal

    def _create(self, caller: Caller, located: Located, flags: int, mode: int) -> int:
        if located.must_be_directory:
            return -errno.EISDIR
        if flags & os.O_DIRECTORY:
            return -errno.EINVAL
        sid = self._entries.may_create(caller, located, "file")
        clean = flags & ~(O_PATH | os.O_TRUNC) | os.O_EXCL | os.O_NOCTTY
        with self._entries.creating(caller):
            created = self._box.descriptors.open(located.name, clean, located.parent, mode & 0o7777)
        status = os.fstat(created)
        self._box.openers.forget(status)  # they were those of an earlier file with this inode number
        self._box.labels.assign(status, sid, _reopen(created))
        try:
            self._box.monitor.check(caller, sid, "file", with_open(flags), self._box.labels.at(created))
        except OSError:
            self._entries.undo(located, status)
            raise
        return self._hand_over(caller, created, status, flags)

    def _open_nameless(self, caller: Caller, located: Located, flags: int, mode: int) -> int:
        """``O_TMPFILE``: a file without a name in a directory."""
        box = self._box
        located.found  # noqa: B018 - ENOENT where there is none
        if not flags & os.O_ACCMODE & (os.O_WRONLY | os.O_RDWR):
            return -errno.EINVAL
        directory = located._replace(parent=located.object, name=b"")
        self._entries.check_writable(caller, directory)
        sid = self._entries.label_of(caller, directory, "file")
        if box.monitor.layers is not None:
            box.monitor.layers.may_fill(caller, located.object)
        with self._entries.creating(caller):
            created = box.descriptors.open(_reopen(located.object), flags, mode=mode & 0o7777)
        status = os.fstat(created)
        box.openers.forget(status)
        box.labels.assign(status, sid, _reopen(created))
        box.monitor.check(caller, sid, "file", with_open(flags), box.labels.at(created))
        return self._hand_over(caller, created, status, flags)


def _reopen(descriptor: int) -> str:
    """Return the path that opens an ``O_PATH`` descriptor's very object."""
    return f"/proc/self/fd/{descriptor}"


def _is_contradictory(flags: int) -> bool:
    """Tell whether flags of opening cannot go together (kernel: ``build_open_flags``)."""
    if flags & _TMPFILE_BIT:
        return not flags & os.O_DIRECTORY or flags & os.O_ACCMODE not in (os.O_WRONLY, os.O_RDWR)
    return flags & (os.O_CREAT | os.O_DIRECTORY) == os.O_CREAT | os.O_DIRECTORY


def _known(flags: int) -> int:
    """Return the flags of an ``open`` that the kernel heeds (``build_open_how``)."""
    flags &= KNOWN
    return flags & _WITH_PATH_ALONE if flags & O_PATH else flags
