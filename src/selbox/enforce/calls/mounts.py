"""Mounting and unmounting: done by the supervisor, on the objects that it decided about."""

import errno
import os
import stat

from selbox.enforce import mountcalls
from selbox.enforce.answer import ANSWERED, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.callerfiles import Target, check_target, target_at
from selbox.enforce.filesystems import is_mounted, mount_number
from selbox.enforce.linux import AT_FDCWD
from selbox.enforce.mounting import Mounting, invalid
from selbox.enforce.mountnamespaces import among_mounts_of
from selbox.enforce.mountoptions import parse_options
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.walks import Located
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
_PAGE: Final = 4096
_FORCE, _DETACH, _EXPIRE, _NOFOLLOW = 1, 2, 4, 8


class MountCalls:
    """``mount``, ``umount2`` and ``pivot_root``."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._mounting = Mounting(box)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by name of their call."""
        return {"mount": self.mount, "umount2": self.umount2, "pivot_root": self.pivot_root}

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
            self._mounting.check_filesystem(caller, place.status.st_dev, "remount")
        else:
            check_target(self._box, caller, place, "mounton")
        self._mounting.may_mount(caller)
        if flags & _REMOUNT:
            self._remount(caller, place, flags, data)
        elif flags & _BIND:
            self._bind(caller, place, source, recursively=bool(flags & _REC))
        elif flags & _PROPAGATION:
            self._mounting.change(caller, lambda: mountcalls.change(place.descriptor, flags, None))
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
                raise invalid() from None
            raise

    def _options(self, caller: Caller, address: int) -> bytes:
        """Read options: as much of a page as is there, up to its first NUL (kernel: ``copy_mount_options``)."""
        if not address:
            return b""
        return self._box.memory.read(caller.tid, address, _PAGE)[: _PAGE - 1].partition(b"\0")[0]

    def _source(self, caller: Caller, source: bytes | None) -> Target:
        if not source:
            raise invalid()
        return target_at(self._box, caller, AT_FDCWD, source, follow=True)

    def _bind(self, caller: Caller, place: Target, source: bytes | None, *, recursively: bool) -> None:
        """Mount a directory or file a second time (kernel: ``do_loopback``)."""
        original = self._source(caller, source)
        self._mounting.guard.check_covered(place.descriptor, caller.tid)
        copy = self._box.descriptors.add(self._mounting.copy(caller, original.descriptor, recursively=recursively))
        self._mounting.change(caller, lambda: mountcalls.attach(copy, place.descriptor))

    def _move(self, caller: Caller, place: Target, source: bytes | None) -> None:
        """Move a mount (kernel: ``do_move_mount_old``)."""
        original = self._source(caller, source)
        self._mounting.guard.check_moved(original.descriptor, caller.tid)
        self._mounting.guard.check_covered(place.descriptor, caller.tid)
        self._mounting.change(caller, lambda: mountcalls.attach(original.descriptor, place.descriptor))

    def _remount(self, caller: Caller, place: Target, flags: int, data: bytes) -> None:
        """Change a mount, or with it the file system (kernel: ``do_remount``, ``selinux_sb_remount``)."""
        if flags & _BIND:
            self._mounting.change(caller, lambda: mountcalls.change(place.descriptor, flags, None))
            return
        self._mounting.check_unconfined(caller)
        options = parse_options(data)
        self._mounting.check_unchanged(place.status.st_dev, self._mounting.sids(options.labels))
        self._mounting.change(caller, lambda: mountcalls.change(place.descriptor, flags, options.text))

    def _mount_new(
        self, caller: Caller, place: Target, kind: bytes | None, source: bytes | None, flags: int, data: bytes
    ) -> None:
        """Mount a file system (kernel: ``do_new_mount``)."""
        if kind is None:
            raise invalid()
        options = parse_options(data)
        words = [(word, None) for flag, word in _WORDS if flags & flag]
        sources = [] if source is None else [(b"source", source)]
        made = self._mounting.make(
            caller, kind, (*sources, *words, *options.others), options.labels, _attributes(flags)
        )
        if made.status[1:3] == place.status[1:3] and is_mounted(place.descriptor):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        self._mounting.guard.check_covered(place.descriptor, caller.tid)
        self._mounting.change(caller, lambda: mountcalls.attach(made.mount, place.descriptor))

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
        self._mounting.may_mount(caller)
        if not is_mounted(located.object):
            return -errno.EINVAL
        if flags & _FORCE or (not flags & _DETACH and self._is_root(caller, located.object)):
            self._mounting.check_unconfined(caller)
        self._mounting.check_filesystem(caller, status.st_dev, "unmount")
        self._mounting.guard.check_moved(located.object, caller.tid)
        # What is still to be written to a disk is not waited for here: a copy of the mount keeps it, for a worker.
        kept = self._mounting.copy(caller, located.object, recursively=True) if os.major(status.st_dev) else -1
        try:
            self._detach(caller, located, flags)
        except OSError:
            if kept >= 0:
                os.close(kept)
            raise
        if box.labels.overlays is not None:
            box.labels.overlays.unmounted(status.st_dev, caller.tid)
        if kept < 0:
            return 0

        def let_go() -> None:
            os.close(kept)
            box.listener.give_result(caller.id, 0)

        box.workers.start(caller, let_go)
        return ANSWERED

    def _detach(self, caller: Caller, located: Located, flags: int) -> None:
        if flags & _DETACH:  # it may be in use, and may have no name: the old root, on which the new one lies
            self._mounting.change(caller, lambda: mountcalls.detach(located.object, flags))
            return
        directory, name = self._name_of(caller, located)
        self._box.descriptors.close(located.object)  # whoever has it open keeps it from being unmounted
        self._mounting.change(caller, lambda: mountcalls.unmount(directory, name, flags))

    def _is_root(self, caller: Caller, descriptor: int) -> bool:
        """Tell whether something is what a task's root directory is in, of which ``umount2`` makes it read-only."""
        return mount_number(descriptor) == mount_number(self._box.walker.root_of(caller))

    def _name_of(self, caller: Caller, located: Located) -> tuple[int, bytes]:
        """Return the directory that holds the name on which something is mounted, and the name."""
        if located.parent >= 0:
            return located.parent, located.name
        holder, _, name = os.readlink(b"/proc/self/fd/%d" % located.object).rpartition(b"/")
        flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
        directory = among_mounts_of(caller.tid, lambda: os.open(holder or b"/", flags))
        return self._box.descriptors.add(directory), name

    # --- The root ---------------------------------------------------------------------------------------------------

    def pivot_root(self, caller: Caller, arguments: Arguments) -> int:
        """``pivot_root(root, place)``; not of the namespace that the supervisor itself is in.

        Source: the kernel's ``path_pivot_root``, which no hook of SELinux is asked about.
        """
        self._mounting.may_mount(caller)
        if not self._mounting.has_other_mounts(caller):
            return -errno.EPERM
        root, place = (
            target_at(self._box, caller, AT_FDCWD, self._box.memory.read_string(caller.tid, each), follow=True)
            for each in arguments[:2]
        )
        self._mounting.change(
            caller, lambda: mountcalls.exchange_root(root.descriptor, place.descriptor), at_its_root=True
        )
        return 0


def _attributes(flags: int) -> int:
    """Return what flags of ``mount(2)`` are for ``fsmount(2)``."""
    attributes = sum(attribute for flag, attribute in _ATTRIBUTES if flags & flag)
    if flags & _STRICTATIME:
        return attributes | _ATTRIBUTE_STRICTATIME
    return attributes | (_ATTRIBUTE_NOATIME if flags & _NOATIME else 0)
