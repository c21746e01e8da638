"""Making, removing and renaming names in directories."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from selbox.enforce.answer import Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.credentials import read_umask
from selbox.enforce.labels import path_of
from selbox.enforce.linux import AT_EMPTY_PATH, AT_FDCWD, AT_REMOVEDIR, AT_SYMLINK_FOLLOW, system_call
from selbox.enforce.monitor import AccessDenied
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.walks import Located
from selbox.typing import Final

_RENAME_NOREPLACE: Final = 1
_RENAME_EXCHANGE: Final = 2
_RENAME_WHITEOUT: Final = 4

_NO_NAMES: Final = (b"", b".", b"..")
_LONGEST_NAME: Final = 255
_WHITEOUT: Final = 0
"""The device number of what hides a name in an overlay, which anybody may make."""

_NODE_CLASSES: Final = {
    0: "file",
    stat.S_IFREG: "file",
    stat.S_IFCHR: "chr_file",
    stat.S_IFBLK: "blk_file",
    stat.S_IFIFO: "fifo_file",
    stat.S_IFSOCK: "sock_file",
}


class NewObjects:
    """The checks and labels of objects that come into being in a directory."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def may_create(self, caller: Caller, located: Located, object_class: str) -> int:
        """Check that a caller may make an object of a class; return the SID that it will have.

        Source: the kernel's ``may_create`` and ``selinux_determine_inode_label``.

        Raises:
            AccessDenied: when policy denies it.
        """
        box = self._box
        status = os.fstat(located.parent)
        self.check_changeable(caller, located, status)
        directory = box.labels.sid_of(located.parent, status, caller)
        self._check_directory(caller, located.parent, directory, "add_name")
        name = os.fsdecode(located.name)
        sid = self.label_of(caller, located, object_class)

        def describe() -> dict[str, object]:
            return {"name": name}

        box.monitor.check(caller, sid, object_class, ("create",), describe)
        filesystem = box.labels.filesystem_sid_on(status.st_dev)
        box.monitor.check(caller, filesystem, "filesystem", ("associate",), describe, source=sid)
        if box.monitor.layers is not None:
            box.monitor.layers.may_create(caller, located.parent, located.name, object_class, sid)
        return sid

    def label_of(self, caller: Caller, located: Located, object_class: str) -> int:
        """Return the SID of an object that a caller makes (kernel: ``selinux_determine_inode_label``)."""
        superblock = self._box.labels.superblocks.mounted(os.fstat(located.parent).st_dev)
        if superblock is not None and superblock.mountpoint:
            return superblock.mountpoint
        if caller.state.next_labels.create_sid and (superblock is None or superblock.takes_labels):
            return caller.state.next_labels.create_sid
        box = self._box
        directory = box.labels.sid_of(located.parent, os.fstat(located.parent), caller)
        class_id = box.server.vector(object_class, ()).object_class
        return box.server.compute_create(caller.state.sid, directory, class_id, os.fsdecode(located.name))

    def may_remove(self, caller: Caller, located: Located, permission: str) -> os.stat_result:
        """Check that a caller may take a name out of a directory (kernel: ``may_link``); return the object's status."""
        box = self._box
        status = located.found
        holder = os.fstat(located.parent)
        self.check_changeable(caller, located, holder)
        self.check_writable(caller, located)
        box.walker.privileges.check_removal(caller, holder, status)
        directory = box.labels.sid_of(located.parent, holder, caller)
        self._check_directory(caller, located.parent, directory, "remove_name")
        self.check_object(caller, located, permission)
        if box.monitor.layers is not None:
            box.monitor.layers.may_remove(caller, located.parent, located.name, located.object, permission)
        return status

    def check_object(self, caller: Caller, located: Located, permission: str) -> int:
        """Check one permission on what a name stands for; return its SID."""
        box = self._box
        status = located.found
        sid = box.labels.sid_of(located.object, status, caller)
        box.monitor.check(caller, sid, box.labels.class_of(status), (permission,), box.labels.at(located.object))
        return sid

    def _check_directory(self, caller: Caller, descriptor: int, sid: int, permission: str) -> None:
        self._box.walker.privileges.check_mode(caller, os.fstat(descriptor), os.W_OK | os.X_OK)
        for permissions in (("write", "search"), (permission, "search")):
            self._box.monitor.check(caller, sid, "dir", permissions, self._box.labels.at(descriptor))

    def check_changeable(self, caller: Caller, located: Located, holder: os.stat_result) -> None:
        """Refuse what would change the names in a directory that only the kernel changes, to whoever may write to it.

        Raises:
            OSError: EPERM, as where a file system has no such operation.
        """
        if self._box.walker.stand_ins.is_fixed(holder):
            self.check_writable(caller, located)
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    def check_writable(self, caller: Caller, located: Located) -> None:
        """Check what changing a directory in any way takes (kernel: ``inode_permission``)."""
        self.check_entry(caller, located, "write")

    def check_entry(self, caller: Caller, located: Located, *permissions: str) -> None:
        """Check permissions on the directory that holds a name, which is searched for it."""
        status = os.fstat(located.parent)
        if "write" in permissions:
            self._box.walker.privileges.check_mode(caller, status, os.W_OK | os.X_OK)
        sid = self._box.labels.sid_of(located.parent, status, caller)
        self._box.monitor.check(caller, sid, "dir", (*permissions, "search"), self._box.labels.at(located.parent))

    def check_directory(self, caller: Caller, located: Located, permission: str) -> None:
        """Check that a caller may change a directory's entries in one way (``add_name``, ``remove_name``)."""
        sid = self._box.labels.sid_of(located.parent, os.fstat(located.parent), caller)
        self._check_directory(caller, located.parent, sid, permission)

    @contextmanager
    def creating(self, caller: Caller) -> Iterator[None]:
        """Create with the caller's file mode mask."""
        own = os.umask(read_umask(caller.tid))
        try:
            yield
        finally:
            os.umask(own)

    def undo(self, located: Located, status: os.stat_result) -> None:
        """Take back an object that was made and may not be used."""
        os.unlink(located.name, dir_fd=located.parent)
        self._box.labels.removed(status, path_in(located))


class NameCalls:
    """``mkdir``, ``mknod``, ``symlink``, ``link``, ``unlink``, ``rmdir``, ``rename`` and their ``*at`` forms."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._capabilities = Capabilities(box)
        self._new = NewObjects(box)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls, which are those of the methods."""
        methods = (
            self.mkdir,
            self.mkdirat,
            self.mknod,
            self.mknodat,
            self.symlink,
            self.symlinkat,
            self.link,
            self.linkat,
        )
        more = (self.unlink, self.rmdir, self.unlinkat, self.rename, self.renameat, self.renameat2)
        return {method.__name__: method for method in methods + more}

    def _locate(self, caller: Caller, directory: int, address: int, *, follow: bool = False) -> Located:
        path = self._box.memory.read_string(caller.tid, address)
        return self._box.walker.locate(caller, directory, path, follow=follow)

    def _locate_new(self, caller: Caller, directory: int, address: int, *, for_directory: bool = False) -> Located:
        """Locate a name that is to be made.

        Source: the kernel's ``filename_create``.

        Raises:
            OSError: EEXIST when it is there, ENOENT when a slash follows what is to be no directory.
        """
        located = self._box.walker.locate_name(caller, directory, self._box.memory.read_string(caller.tid, address))
        if located.status is not None:
            raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
        if located.must_be_directory and not for_directory:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        return located

    def _label_new(self, located: Located, sid: int) -> None:
        status = os.stat(located.name, dir_fd=located.parent, follow_symlinks=False)
        self._box.openers.forget(status)
        self._box.labels.assign(status, sid, place_of(located))

    def mkdir(self, caller: Caller, arguments: Arguments) -> int:
        """``mkdir(path, mode)``."""
        return self.mkdirat(caller, (AT_FDCWD, *arguments[:5]))

    def mkdirat(self, caller: Caller, arguments: Arguments) -> int:
        """``mkdirat(directory, path, mode)``."""
        located = self._locate_new(caller, arguments[0], arguments[1], for_directory=True)
        sid = self._new.may_create(caller, located, "dir")
        with self._new.creating(caller):
            os.mkdir(located.name, arguments[2] & 0o7777, dir_fd=located.parent)
        self._label_new(located, sid)
        return 0

    def mknod(self, caller: Caller, arguments: Arguments) -> int:
        """``mknod(path, mode, device)``."""
        return self.mknodat(caller, (AT_FDCWD, *arguments[:5]))

    def mknodat(self, caller: Caller, arguments: Arguments) -> int:
        """``mknodat(directory, path, mode, device)``."""
        mode = arguments[2] & 0xFFFF
        object_class = _NODE_CLASSES.get(stat.S_IFMT(mode))
        if object_class is None:
            return -errno.EPERM if stat.S_ISDIR(mode) else -errno.EINVAL
        located = self._locate_new(caller, arguments[0], arguments[1])
        device = arguments[3] & 0xFFFFFFFF
        if stat.S_ISBLK(mode) or (stat.S_ISCHR(mode) and device != _WHITEOUT):
            self._new.check_writable(caller, located)
            if not self._capabilities.may_use(caller, "mknod"):
                return -errno.EPERM
        sid = self._new.may_create(caller, located, object_class)
        with self._new.creating(caller):
            os.mknod(located.name, mode, device, dir_fd=located.parent)
        self._label_new(located, sid)
        return 0

    def symlink(self, caller: Caller, arguments: Arguments) -> int:
        """``symlink(target, path)``."""
        return self.symlinkat(caller, (arguments[0], AT_FDCWD, arguments[1], 0, 0, 0))

    def symlinkat(self, caller: Caller, arguments: Arguments) -> int:
        """``symlinkat(target, directory, path)``."""
        target = self._box.memory.read_string(caller.tid, arguments[0])
        if not target:
            return -errno.ENOENT
        located = self._locate_new(caller, arguments[1], arguments[2])
        sid = self._new.may_create(caller, located, "lnk_file")
        os.symlink(target, located.name, dir_fd=located.parent)
        self._label_new(located, sid)
        return 0

    def link(self, caller: Caller, arguments: Arguments) -> int:
        """``link(old, new)``."""
        return self.linkat(caller, (AT_FDCWD, arguments[0], AT_FDCWD, arguments[1], 0, 0))

    def linkat(self, caller: Caller, arguments: Arguments) -> int:
        """``linkat(old_directory, old, new_directory, new, flags)``."""
        flags = arguments[4] & 0xFFFFFFFF
        if flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH):
            return -errno.EINVAL
        if flags & AT_EMPTY_PATH and not self._box.memory.read_string(caller.tid, arguments[1]):
            # Reading another process's descriptor by number takes a capability that few programs hold.
            return -errno.ENOENT
        old = self._locate(caller, arguments[0], arguments[1], follow=bool(flags & AT_SYMLINK_FOLLOW))
        status = old.found
        if old.must_be_directory and not stat.S_ISDIR(status.st_mode):
            return -errno.ENOTDIR
        new = self._locate_new(caller, arguments[2], arguments[3])
        self._try_source(caller, old)
        holder = os.fstat(new.parent)
        if stat.S_ISDIR(status.st_mode):
            return -errno.EPERM if status.st_dev == holder.st_dev else -errno.EXDEV
        self._new.check_changeable(caller, new, holder)
        if self._box.walker.stand_ins.is_fixed(status):
            return -errno.EXDEV
        self._new.check_directory(caller, new, "add_name")
        sid = self._new.check_object(caller, old, "link")
        if self._box.monitor.layers is not None:
            self._box.monitor.layers.may_link(caller, old.object, new.parent)
        if old.parent >= 0:
            os.link(old.name, new.name, src_dir_fd=old.parent, dst_dir_fd=new.parent, follow_symlinks=False)
        else:
            os.link(f"/proc/self/fd/{old.object}", new.name, dst_dir_fd=new.parent, follow_symlinks=True)
        # From now on two paths lead to it: what it is called no longer tells its label.
        if not status.st_nlink or not self._box.labels.is_layered(status.st_dev):
            self._box.labels.assign(status, sid, place_of(new))
        return 0

    def _try_source(self, caller: Caller, old: Located) -> None:
        """Ask for reading and writing, as the kernel does where hard links are protected; owners may do without.

        Source: the kernel's ``may_linkat`` and ``safe_hardlink_source``. Whether the link is made, ordinary permissions
        decide when it is.
        """
        box = self._box
        status = old.found
        mode = status.st_mode
        is_risky = mode & stat.S_ISUID or mode & (stat.S_ISGID | stat.S_IXGRP) == stat.S_ISGID | stat.S_IXGRP
        if not box.walker.protects_hard_links or not stat.S_ISREG(mode) or is_risky:
            return
        if not os.access(f"/proc/self/fd/{old.object}", os.R_OK | os.W_OK, effective_ids=True):
            return
        sid = box.labels.sid_of(old.object, status, caller)
        with suppress(AccessDenied):
            box.monitor.check(caller, sid, "file", ("read", "write"), box.labels.at(old.object))

    def unlink(self, caller: Caller, arguments: Arguments) -> int:
        """``unlink(path)``."""
        return self._remove(caller, AT_FDCWD, arguments[0], directory=False)

    def rmdir(self, caller: Caller, arguments: Arguments) -> int:
        """``rmdir(path)``."""
        return self._remove(caller, AT_FDCWD, arguments[0], directory=True)

    def unlinkat(self, caller: Caller, arguments: Arguments) -> int:
        """``unlinkat(directory, path, flags)``."""
        flags = arguments[2] & 0xFFFFFFFF
        if flags & ~AT_REMOVEDIR:
            return -errno.EINVAL
        return self._remove(caller, arguments[0], arguments[1], directory=bool(flags))

    def _remove(self, caller: Caller, start: int, address: int, *, directory: bool) -> int:
        path = self._box.memory.read_string(caller.tid, address)
        last = path.rstrip(b"/").rpartition(b"/")[2]
        located = self._box.walker.locate_name(caller, start, path)
        if directory and last == b".":
            return -errno.EINVAL
        is_directory = stat.S_ISDIR(located.found.st_mode)
        if located.parent < 0:
            if not directory:
                return -errno.EISDIR
            return -errno.ENOTEMPTY if last == b".." else -errno.EBUSY
        if directory and not is_directory:
            return -errno.ENOTDIR
        if not directory and (is_directory or located.must_be_directory):
            return -errno.EISDIR if is_directory else -errno.ENOTDIR
        status = self._new.may_remove(caller, located, "rmdir" if directory else "unlink")
        if directory:
            os.rmdir(located.name, dir_fd=located.parent)
        else:
            os.unlink(located.name, dir_fd=located.parent)
        self._name_gone(caller, located, status)
        return 0

    def _name_gone(self, caller: Caller, located: Located, status: os.stat_result) -> None:
        self._box.labels.removed(status, path_in(located))
        if self._box.monitor.layers is not None:
            self._box.monitor.layers.name_gone(caller, located.parent, located.name, status)
        if stat.S_ISDIR(status.st_mode) or stat.S_ISLNK(status.st_mode):
            self._box.walker.known.forget()

    def rename(self, caller: Caller, arguments: Arguments) -> int:
        """``rename(old, new)``."""
        return self.renameat2(caller, (AT_FDCWD, arguments[0], AT_FDCWD, arguments[1], 0, 0))

    def renameat(self, caller: Caller, arguments: Arguments) -> int:
        """``renameat(old_directory, old, new_directory, new)``."""
        return self.renameat2(caller, (*arguments[:4], 0, 0))

    def renameat2(self, caller: Caller, arguments: Arguments) -> int:
        """``renameat2(old_directory, old, new_directory, new, flags)``."""
        flags = arguments[4] & 0xFFFFFFFF
        others = _RENAME_NOREPLACE | _RENAME_WHITEOUT
        if flags & ~(others | _RENAME_EXCHANGE) or (flags & _RENAME_EXCHANGE and flags & others):
            return -errno.EINVAL
        old, new = self._locate_both(caller, arguments, flags)
        status = old.found
        _check_slashes(old, new, flags)
        if flags & _RENAME_WHITEOUT:
            return -errno.EINVAL  # as on a file system that has none
        self._check_rename(caller, old, new, flags)
        system_call(NUMBERS["renameat2"], old.parent, old.name, new.parent, new.name, flags)
        if new.status is not None and not flags & _RENAME_EXCHANGE and new.status.st_ino != status.st_ino:
            self._name_gone(caller, new, new.status)
        self._after_rename(caller, old, new, flags)
        return 0

    def _locate_both(self, caller: Caller, arguments: Arguments, flags: int) -> tuple[Located, Located]:
        """Locate both names of a call; what is wrong with a last component the kernel tells after all else.

        Raises:
            OSError: EBUSY for a last component that is no name; EEXIST for a new one that must not be there.
        """
        found: list[Located] = []
        paths: list[bytes] = []
        late: list[OSError] = []
        for directory, address in (arguments[:2], arguments[2:4]):
            path = self._box.memory.read_string(caller.tid, address)
            paths.append(path)
            try:
                found.append(self._box.walker.locate_name(caller, directory, path))
            except OSError as error:
                if error.errno != errno.ENAMETOOLONG or len(_last(path)) <= _LONGEST_NAME:
                    raise
                late.append(error)
        is_no_name = [_last(each) in _NO_NAMES for each in paths]
        if any(is_no_name):
            number = errno.EEXIST if flags & _RENAME_NOREPLACE and not is_no_name[0] else errno.EBUSY
            raise OSError(number, os.strerror(number))
        if late:
            if len(_last(paths[0])) <= _LONGEST_NAME and found[0].status is None:
                raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
            raise late[0]
        return found[0], found[1]

    def _check_rename(self, caller: Caller, old: Located, new: Located, flags: int) -> None:
        """Check as the kernel's ``vfs_rename`` and ``may_rename`` do."""
        moves = not os.path.sameopenfile(old.parent, new.parent)
        exchange = bool(flags & _RENAME_EXCHANGE)
        for located in (old, new):
            self._new.check_changeable(caller, located, os.fstat(located.parent))
            self._new.check_writable(caller, located)
            if located.status is not None:
                self._box.walker.privileges.check_removal(caller, os.fstat(located.parent), located.status)
        if moves:
            # A directory that comes elsewhere is written: its entry `..` changes.
            self._check_parent_entry(caller, old)
            if exchange:
                self._check_parent_entry(caller, new)
        if exchange:
            self._check_move(caller, new, old, moves=moves)
        self._check_move(caller, old, new, moves=moves)
        if self._box.monitor.layers is not None:
            self._box.monitor.layers.may_rename(
                caller, old.parent, old.object, new.parent, new.object, exchange=exchange
            )

    def _check_parent_entry(self, caller: Caller, located: Located) -> None:
        if stat.S_ISDIR(located.found.st_mode):
            self._new.check_object(caller, located, "write")

    def _check_move(self, caller: Caller, old: Located, new: Located, *, moves: bool) -> None:
        self._new.check_entry(caller, old, "remove_name")
        self._new.check_object(caller, old, "rename")
        if moves and stat.S_ISDIR(old.found.st_mode):
            self._new.check_object(caller, old, "reparent")
        self._new.check_entry(caller, new, "add_name", *(() if new.status is None else ("remove_name",)))
        if new.status is not None:
            self._new.check_object(caller, new, "rmdir" if stat.S_ISDIR(new.status.st_mode) else "unlink")

    def _after_rename(self, caller: Caller, old: Located, new: Located, flags: int) -> None:
        """Keep the labels of what moved: its own, and of what lies below and was never looked at."""
        labels = self._box.labels
        moved = [(old, new)]
        if flags & _RENAME_EXCHANGE:
            moved.append((new, old))
        for source, target in moved:
            status = source.found
            if not labels.is_layered(status.st_dev):
                labels.assign(status, labels.sid_of(source.object, status, caller), place_of(target))
            if stat.S_ISDIR(status.st_mode) or stat.S_ISLNK(status.st_mode):
                self._box.walker.known.forget()
        if self._box.monitor.layers is not None:
            self._box.monitor.layers.moved(caller, old.parent, old.name)
        note = labels.exchanged if flags & _RENAME_EXCHANGE else labels.renamed
        note(path_in(old), path_in(new))


def _check_slashes(old: Located, new: Located, flags: int) -> None:
    """Check what there is against what the call and slashes after its names want (kernel: ``do_renameat2``)."""
    status = old.found
    if flags & _RENAME_NOREPLACE and new.status is not None:
        raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
    if flags & _RENAME_EXCHANGE and not stat.S_ISDIR(new.found.st_mode) and new.must_be_directory:
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    is_named = old.must_be_directory or (new.must_be_directory and not flags & _RENAME_EXCHANGE)
    if is_named and not stat.S_ISDIR(status.st_mode):
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))


def place_of(located: Located) -> str:
    """Return a path by which this process reaches the name that was located."""
    return f"/proc/self/fd/{located.parent}/{os.fsdecode(located.name)}"


def path_in(located: Located) -> str:
    """Return the path of the name that was located, by the present names of its directories."""
    return f"{path_of(located.parent).rstrip('/')}/{os.fsdecode(located.name)}"


def _last(path: bytes) -> bytes:
    """Return the last component of a path."""
    return path.rstrip(b"/").rpartition(b"/")[2]
