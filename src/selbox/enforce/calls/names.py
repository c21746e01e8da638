"""Making and removing names in directories."""

import errno
import os
import stat
from contextlib import suppress

from selbox.enforce.answer import Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.calls.directoryentries import DirectoryEntries, check_one_mount, place_of
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.linux import AT_EMPTY_PATH, AT_FDCWD, AT_REMOVEDIR, AT_SYMLINK_FOLLOW
from selbox.enforce.monitor import AccessDenied
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.walks import Located
from selbox.typing import Final

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


class NameCalls:
    """``mkdir``, ``mknod``, ``symlink``, ``link``, ``unlink``, ``rmdir`` and their ``*at`` forms."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._capabilities = Capabilities(box)
        self._entries = DirectoryEntries(box)

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
        more = (self.unlink, self.rmdir, self.unlinkat)
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
        sid = self._entries.may_create(caller, located, "dir")
        with self._entries.creating(caller):
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
            self._entries.check_writable(caller, located)
            if not self._capabilities.may_use(caller, "mknod"):
                return -errno.EPERM
        sid = self._entries.may_create(caller, located, object_class)
        with self._entries.creating(caller):
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
        sid = self._entries.may_create(caller, located, "lnk_file")
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
        check_one_mount(old.object, new.parent)
        self._try_source(caller, old)
        if stat.S_ISDIR(status.st_mode):
            return -errno.EPERM
        self._entries.check_changeable(caller, new, os.fstat(new.parent))
        if self._box.walker.stand_ins.is_fixed(status):
            return -errno.EXDEV
        self._entries.check_directory(caller, new, "add_name")
        sid = self._entries.check_object(caller, old, "link")
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
        status = self._entries.may_remove(caller, located, "rmdir" if directory else "unlink")
        if directory:
            os.rmdir(located.name, dir_fd=located.parent)
        else:
            os.unlink(located.name, dir_fd=located.parent)
        self._entries.gone(caller, located, status)
        return 0
