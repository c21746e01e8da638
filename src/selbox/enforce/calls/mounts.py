"""Mounting and unmounting: done by the supervisor, on the objects that it decided about.

Labels of file systems are taken out of the options, which the host's kernel does not know, and kept by the box.
"""

import errno
import os
import stat
from collections.abc import Callable

from selbox.diagnostics import SelboxError
from selbox.enforce import mountcalls
from selbox.enforce.answer import ANSWERED, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.callerfiles import Target, check_target, target_at
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.filesystems import is_mounted
from selbox.enforce.linux import AT_FDCWD
from selbox.enforce.mountguard import MountGuard
from selbox.enforce.mountoptions import MountOptions, parse_options
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.superblocks import CONTEXT, DEFCONTEXT, FSCONTEXT, ROOTCONTEXT, Superblock
from selbox.enforce.walks import Located
from selbox.model.labelling import FilesystemUseBehaviour
from selbox.typing import Final

_RDONLY, _NOSUID, _NODEV, _NOEXEC, _SYNCHRONOUS, _REMOUNT, _MANDLOCK, _DIRSYNC, _NOSYMFOLLOW = (
    1 << bit for bit in range(9)
)
_NOATIME, _NODIRATIME, _BIND, _MOVE, _REC = (1 << bit for bit in range(10, 15))
_PROPAGATION: Final = 0xF << 17
_STRICTATIME, _LAZYTIME, _NOUSER = 1 << 24, 1 << 25, 1 << 31
_MAGIC, _MAGIC_MASK = 0xC0ED0000, 0xFFFF0000
_WORDS: Final = (
    *(
        (_RDONLY, b"ro"),
        (_SYNCHRONOUS, b"sync"),
        (_MANDLOCK, b"mand"),
        (_DIRSYNC, b"dirsync"),
        (_LAZYTIME, b"lazytime"),
    ),
)
"""Flags of mounts that are options of the file system."""
_ATTRIBUTES: Final = (
    *((_RDONLY, 1), (_NOSUID, 2), (_NODEV, 4), (_NOEXEC, 8), (_NODIRATIME, 0x80), (_NOSYMFOLLOW, 0x200000)),
)
"""Flags of mounts that are attributes of the mount itself."""
_ATTRIBUTE_NOATIME, _ATTRIBUTE_STRICTATIME = 0x10, 0x20
_FORCE, _DETACH, _EXPIRE, _NOFOLLOW = 1, 2, 4, 8
_PAGE: Final = 4096
_SERVED: Final = frozenset(
    ("fuse", "fuseblk", "autofs", "9p", "nfs", "nfs4", "cifs", "smb3", "ceph", "afs", "coda", "overlay")
)
"""Kinds of file systems that wait for programs or other machines, on which the supervisor must not wait; and overlays,
whose files' labels are those of other file systems."""


class MountCalls:
    """``mount`` and ``umount2``."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._guard = MountGuard(box.labels.filesystems, box.kept_places)
        self._capabilities = Capabilities(box)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by name of their call."""
        return {"mount": self.mount, "umount2": self.umount2}

    # --- Mounting ---------------------------------------------------------------------------------------------------

    def mount(self, caller: Caller, arguments: Arguments) -> int:
        """``mount(source, target, kind, flags, data)``.

        Source: the kernel's ``path_mount`` and ``selinux_mount``.
        """
        kind, source = self._string(caller, arguments[2]), self._string(caller, arguments[0])
        data = self._options(caller, arguments[4])
        path = self._box.memory.read_string(caller.tid, arguments[1])
        flags = arguments[3] & 0xFFFFFFFF
        place = target_at(self._box, caller, AT_FDCWD, path, follow=True)
        if flags & _MAGIC_MASK == _MAGIC:
            flags &= ~_MAGIC_MASK
        if flags & _NOUSER:
            return -errno.EINVAL
        if flags & _REMOUNT:
            self._check_filesystem(caller, place.status.st_dev, "remount")
        else:
            check_target(self._box, caller, place, "mounton")
        self._may_mount(caller)
        if flags & _REMOUNT:
            self._remount(place, flags, data)
        elif flags & _BIND:
            self._bind(caller, place, source, recursively=bool(flags & _REC))
        elif flags & _PROPAGATION:
            self._changing(lambda: mountcalls.change(place.descriptor, flags, None))
        elif flags & _MOVE:
            self._move(caller, place, source)
        else:
            self._mount_new(caller, place, kind, source, flags, data)
        return 0

    def _string(self, caller: Caller, address: int) -> bytes | None:
        """Read a string that may be left out (kernel: ``copy_mount_string``)."""
        if not address:
            return None
        try:
            return self._box.memory.read_string(caller.tid, address)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise _invalid() from None
            raise

    def _options(self, caller: Caller, address: int) -> bytes:
        """Read options: as much of a page as is there, up to its first NUL (kernel: ``copy_mount_options``)."""
        if not address:
            return b""
        return self._box.memory.read(caller.tid, address, _PAGE)[: _PAGE - 1].partition(b"\0")[0]

    def _may_mount(self, caller: Caller) -> None:
        """Check what mounting takes besides (kernel: ``may_mount``).

        Raises:
            OSError: EPERM; also where the box has no mounts of its own.
        """
        if not self._capabilities.may_use(caller, "sys_admin", own=True) or not self._is_here(caller):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    def _is_here(self, caller: Caller) -> bool:
        """Tell whether a caller's mounts are those of the box."""
        if not self._box.mounts_are_own:
            return False
        if not caller.state.root_changed:
            return True
        return all(
            os.stat(f"/proc/{caller.tid}/ns/{each}").st_ino == os.stat(f"/proc/self/ns/{each}").st_ino
            for each in ("mnt", "user")
        )

    def _changing(self, operation: Callable[[], None]) -> None:
        """Change what is mounted, and forget what depends on it."""
        box = self._box
        box.labels.filesystems.about_to_change()
        try:
            operation()
        finally:
            box.labels.filesystems.changed()
            box.walker.forget()
            box.monitor.invalidate()

    def _check_filesystem(self, caller: Caller, device: int, permission: str) -> None:
        self._box.monitor.check(caller, self._box.labels.filesystem_sid_on(device), "filesystem", (permission,), dict)

    def _source(self, caller: Caller, source: bytes | None) -> Target:
        if not source:
            raise _invalid()
        return target_at(self._box, caller, AT_FDCWD, source, follow=True)

    def _bind(self, caller: Caller, place: Target, source: bytes | None, *, recursively: bool) -> None:
        """Mount a directory or file a second time (kernel: ``do_loopback``)."""
        original = self._source(caller, source)
        self._guard.check_covered(place.descriptor, caller.tid)
        copy = self._box.descriptors.add(mountcalls.copied_mount(original.descriptor, recursively=recursively))
        self._changing(lambda: mountcalls.attach(copy, place.descriptor))

    def _move(self, caller: Caller, place: Target, source: bytes | None) -> None:
        """Move a mount (kernel: ``do_move_mount_old``)."""
        original = self._source(caller, source)
        self._guard.check_moved(original.descriptor)
        self._guard.check_covered(place.descriptor, caller.tid)
        self._changing(lambda: mountcalls.attach(original.descriptor, place.descriptor))

    def _remount(self, place: Target, flags: int, data: bytes) -> None:
        """Change a mount, or with it the file system (kernel: ``do_remount``, ``selinux_sb_remount``)."""
        if flags & _BIND:
            self._changing(lambda: mountcalls.change(place.descriptor, flags, None))
            return
        options = parse_options(data)
        said = self._sids(options)
        device = place.status.st_dev
        superblock = self._box.labels.superblocks.of(device, self._box.labels.filesystem_of(device))
        if any(each not in superblock.said or superblock.sid_said(each) != sid for each, sid in said.items()):
            raise _invalid()
        self._changing(lambda: mountcalls.change(place.descriptor, flags, options.text))

    def _sids(self, options: MountOptions) -> dict[str, int]:
        """Return the SIDs of contexts.

        Raises:
            OSError: EINVAL for one that the policy does not have.
        """
        try:
            return {name: self._box.server.context_to_sid(text) for name, text in options.labels.items()}
        except SelboxError:
            raise _invalid() from None

    # --- File systems -----------------------------------------------------------------------------------------------

    def _mount_new(
        self, caller: Caller, place: Target, kind: bytes | None, source: bytes | None, flags: int, data: bytes
    ) -> None:
        """Mount a file system (kernel: ``do_new_mount``, ``selinux_set_mnt_opts``, ``selinux_sb_kern_mount``)."""
        if kind is None:
            raise _invalid()
        options = parse_options(data)
        context, is_new = self._made(kind, source, flags, options)
        said = self._sids(options)
        mount = self._box.descriptors.add(mountcalls.detached_mount(context, _attributes(flags)))
        status = os.fstat(mount)
        name = kind.partition(b".")[0].decode(errors="surrogateescape")
        if is_new:
            self._box.labels.forget_device(status.st_dev)
        superblock = self._labelled(caller, name, said, status, is_new=is_new)
        self._box.monitor.check(caller, superblock.sid, "filesystem", ("mount",), lambda: _root(status, name, source))
        if (
            status.st_dev == place.status.st_dev
            and status.st_ino == place.status.st_ino
            and is_mounted(place.descriptor)
        ):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        self._guard.check_covered(place.descriptor, caller.tid)
        if is_new:
            self._remember(status, superblock, source)
        self._changing(lambda: mountcalls.attach(mount, place.descriptor))

    def _made(self, kind: bytes, source: bytes | None, flags: int, options: MountOptions) -> tuple[int, bool]:
        """Have the kernel make a file system, or find the one that there is; return its context, and if it is new."""
        for exclusively in (True, False):
            context = self._box.descriptors.add(mountcalls.open_context(kind))
            if kind.partition(b".")[0].decode(errors="replace") in _SERVED:
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))
            if source is not None:
                mountcalls.set_option(context, b"source", source)
            for flag, word in _WORDS:
                if flags & flag:
                    mountcalls.set_option(context, word, None)
            for name, value in options.others:
                mountcalls.set_option(context, name, value)
            try:
                mountcalls.create(context, exclusively=exclusively)
            except OSError as error:
                if exclusively and error.errno in (errno.EBUSY, errno.EOPNOTSUPP, errno.EINVAL):
                    continue
                raise
            return context, exclusively
        raise _invalid()

    def _labelled(
        self, caller: Caller, kind: str, said: dict[str, int], status: os.stat_result, *, is_new: bool
    ) -> Superblock:
        """Return what a file system is to be like that is mounted with labels.

        Raises:
            OSError: EINVAL for labels that differ from those it has, or that its kind cannot have; EACCES where policy
                denies them.
        """
        superblocks = self._box.labels.superblocks
        if not is_new:
            there = superblocks.of(status.st_dev, kind)
            differs = any(each not in there.said or there.sid_said(each) != sid for each, sid in said.items())
            if differs or (there.said and not said):
                raise _invalid()
            return there
        superblock = superblocks.usual(kind)._replace(said=tuple(said))
        if FSCONTEXT in said:
            self._relabel_filesystem(caller, superblock, said[FSCONTEXT])
            superblock = superblock._replace(sid=said[FSCONTEXT])
        if CONTEXT in said:
            if FSCONTEXT in said:
                self._relabel_files(caller, superblock, said[CONTEXT])
            else:
                self._relabel_filesystem(caller, superblock, said[CONTEXT])
                superblock = superblock._replace(sid=said[CONTEXT])
            superblock = superblock._replace(mountpoint=said[CONTEXT])
        root = said.get(ROOTCONTEXT, said.get(CONTEXT, 0))
        if root:
            self._relabel_files(caller, superblock, root)
            superblock = superblock._replace(root=root)
        if DEFCONTEXT in said:
            if superblock.behaviour is not FilesystemUseBehaviour.XATTR:
                raise _invalid()
            if said[DEFCONTEXT] != superblock.default:
                self._relabel_files(caller, superblock, said[DEFCONTEXT])
            superblock = superblock._replace(default=said[DEFCONTEXT])
        return superblock

    def _relabel_filesystem(self, caller: Caller, superblock: Superblock, sid: int) -> None:
        """Check another label of a file system itself (kernel: ``may_context_mount_sb_relabel``)."""
        check = self._box.monitor.check
        check(caller, superblock.sid, "filesystem", ("relabelfrom",), dict)
        check(caller, sid, "filesystem", ("relabelto",), dict)

    def _relabel_files(self, caller: Caller, superblock: Superblock, sid: int) -> None:
        """Check a label of all files of a file system (kernel: ``may_context_mount_inode_relabel``)."""
        check = self._box.monitor.check
        check(caller, superblock.sid, "filesystem", ("relabelfrom",), dict)
        check(caller, superblock.sid, "filesystem", ("associate",), dict, source=sid)

    def _remember(self, status: os.stat_result, superblock: Superblock, source: bytes | None) -> None:
        labels = self._box.labels
        labels.superblocks.add(status.st_dev, superblock)
        labels.filesystems.add(status.st_dev, superblock.kind, os.fsdecode(source or b"none"))
        if superblock.root:
            labels.assign(status, superblock.root)

    # --- Unmounting -------------------------------------------------------------------------------------------------

    def umount2(self, caller: Caller, arguments: Arguments) -> int:
        """``umount2(target, flags)``.

        Source: the kernel's ``path_umount``, ``can_umount`` and ``selinux_umount``.
        """
        box = self._box
        flags = arguments[1] & 0xFFFFFFFF
        if flags & ~(_FORCE | _DETACH | _EXPIRE | _NOFOLLOW):
            return -errno.EINVAL
        path = box.memory.read_string(caller.tid, arguments[0])
        located = box.walker.locate(caller, AT_FDCWD, path, follow=not flags & _NOFOLLOW)
        status = located.found
        if located.must_be_directory and not stat.S_ISDIR(status.st_mode):
            return -errno.ENOTDIR
        self._may_mount(caller)
        if not is_mounted(located.object):
            return -errno.EINVAL
        self._check_filesystem(caller, status.st_dev, "unmount")
        self._guard.check_moved(located.object)
        directory, name = self._name_of(located)
        kept = self._kept(located.object) if os.major(status.st_dev) else -1
        try:
            box.descriptors.close(located.object)  # whoever has it open keeps it from being unmounted
            self._changing(lambda: mountcalls.detach(directory, name, flags))
        except OSError:
            if kept >= 0:
                os.close(kept)
            raise
        if kept < 0:
            return 0

        def let_go() -> None:
            os.close(kept)
            box.listener.give_result(caller.id, 0)

        box.workers.start(caller, let_go)
        return ANSWERED

    def _name_of(self, located: Located) -> tuple[int, bytes]:
        """Return the directory that holds the name on which something is mounted, and the name."""
        if located.parent >= 0:
            return located.parent, located.name
        holder, _, name = os.readlink(b"/proc/self/fd/%d" % located.object).rpartition(b"/")
        return self._box.descriptors.open(holder or b"/", os.O_PATH | os.O_DIRECTORY), name

    def _kept(self, root: int) -> int:
        """Return a copy of a mount, so that what is still to be written to its disk is not waited for here."""
        return mountcalls.copied_mount(root, recursively=False)


def _attributes(flags: int) -> int:
    """Return what flags of ``mount(2)`` are for ``fsmount(2)``."""
    attributes = sum(attribute for flag, attribute in _ATTRIBUTES if flags & flag)
    if flags & _STRICTATIME:
        return attributes | _ATTRIBUTE_STRICTATIME
    return attributes | (_ATTRIBUTE_NOATIME if flags & _NOATIME else 0)


def _root(status: os.stat_result, kind: str, source: bytes | None) -> dict[str, object]:
    """Return what records say of the root of a file system that is not mounted yet."""
    device = os.fsdecode(source or b"").rpartition("/")[2] if os.major(status.st_dev) else kind
    return {"name": "/", "dev": device, "ino": status.st_ino}


def _invalid() -> OSError:
    return OSError(errno.EINVAL, os.strerror(errno.EINVAL))
