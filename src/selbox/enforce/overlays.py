"""Overlays that the box mounted: which files lie beneath one of theirs, and whose label it has.

A file of an overlay has the label of the file beneath it: of the upper one, else of the uppermost of the lower ones.
None is kept for the overlay's own inode, whose numbers change when a file is copied up on some set-ups: each time, the
file beneath is looked up by its name, and taken only where the inode number that the overlay shows is that of one of
the files there. When the kernel is about to copy a file up, it is had copied up first, and the copy has its label
before anything else is done.

Source: the kernel's ``ovl_lookup``, ``ovl_getattr``, ``ovl_copy_up`` and ``selinux_inode_copy_up``.
"""

import errno
import os
import re
import stat
from collections import OrderedDict

from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.filesystems import mount_number, read_table
from selbox.enforce.linux import O_PATH
from selbox.enforce.monitor import AccessDenied
from selbox.enforce.shownpaths import DELETED, path_of
from selbox.enforce.superblocks import Superblock
from selbox.typing import Final, NamedTuple

_UNFOLLOWED: Final = O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_OPAQUE: Final = "trusted.overlay.opaque"
_ORIGIN: Final = "trusted.overlay.origin"
_HANDLE_AT: Final = 21
"""Where in the attribute that names a copy's origin the file handle begins (kernel: ``struct ovl_fb``)."""
_INODE_MASK: Final = (1 << 48) - 1
"""The bits of an inode number that are the file's beneath; those above may tell its file system (``xino``)."""
_GONE_KEPT: Final = 65536
_DESCRIPTOR = re.compile(r"/proc/self/fd/\d+")


class Overlay(NamedTuple):
    """An overlay that is mounted.

    Attributes:
        mounter: SID of the task that mounted it, which is asked about the files beneath.
        superblock: what it is like.
        upper: descriptor of the upper directory; -1 for an overlay without.
        work: of the directory in which the kernel prepares what comes into the upper one; -1 the same.
        lowers: of the lower directories, uppermost first.
        said: the options by which these were named.
    """

    mounter: int
    superblock: Superblock
    upper: int
    work: int
    lowers: tuple[int, ...]
    said: bytes

    def close(self) -> None:
        """Give up the directories."""
        for each in (self.upper, self.work, *self.lowers):
            if each >= 0:
                os.close(each)


class Layer(NamedTuple):
    """A file in one of the directories that an overlay is made of.

    Attributes:
        descriptor: ``O_PATH``.
        status: its status.
        is_upper: whether it is in the upper directory.
    """

    descriptor: int
    status: os.stat_result
    is_upper: bool


class Beneath(NamedTuple):
    """What lies beneath a file of an overlay.

    Attributes:
        overlay: the overlay.
        names: the way to it from the overlay's root.
        layers: for the root, for each directory on the way, and for the file: what there is of it, uppermost first.
    """

    overlay: Overlay
    names: tuple[bytes, ...]
    layers: tuple[tuple[Layer, ...], ...]

    @property
    def file(self) -> Layer:
        """What is seen of the file."""
        return self.layers[-1][0]


class Overlays:
    """Those that the box has mounted."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._mounted: dict[int, Overlay] = {}
        self._gone: OrderedDict[tuple[int, int], int] = OrderedDict()
        """Labels of files beneath those that lost a name and may still be open."""
        self._leaving: dict[tuple[int, int], tuple[os.stat_result, str]] = {}
        """What lies beneath the file that the present call removes: its status and path."""
        self._call = 0
        self._seen: dict[tuple[int, int, int], Beneath | None] = {}
        """What was found in the present call, until it changes something; its descriptors live as long."""
        self._caller: Caller | None = None
        """Who last named a file of an overlay: who makes one has just named the directory."""
        self._unlabeled = box.server.initial_sid("unlabeled")

    def add(self, device: int, overlay: Overlay) -> None:
        """Remember an overlay by its device number."""
        self.forget(device)
        self._mounted[device] = overlay

    def forget(self, device: int) -> None:
        """Forget an overlay that is gone, or whose number is another's now."""
        overlay = self._mounted.pop(device, None)
        if overlay is not None:
            overlay.close()
            for key in [each for each in self._gone if each[0] == device]:
                del self._gone[key]

    def unmounted(self, device: int, task: int) -> None:
        """Forget an overlay that neither a task nor the supervisor sees mounted any more."""
        if device in self._mounted and not any(
            each.device == device for seer in ("self", task) for each in read_table(seer).values()
        ):
            self.forget(device)

    def on(self, device: int) -> Overlay | None:
        """Return the overlay with a device number."""
        return self._mounted.get(device)

    # --- What lies beneath ------------------------------------------------------------------------------------------

    def beneath(self, caller: Caller, descriptor: int, status: os.stat_result) -> Beneath | None:
        """Return what lies beneath an open file of an overlay.

        Returns:
            None where it cannot be told, as of a file that has no name any more.
        """
        self._caller = caller
        if caller.id != self._call or not caller.id:
            self._call = caller.id
            self._seen.clear()
        key = (descriptor, status.st_dev, status.st_ino)
        if key not in self._seen:
            self._seen[key] = self._find(caller, descriptor, status)
        return self._seen[key]

    def _find(self, caller: Caller, descriptor: int, status: os.stat_result) -> Beneath | None:
        overlay = self._mounted[status.st_dev]
        path = path_of(descriptor)
        inner = self._box.labels.filesystems.inner_path(status.st_dev, path, descriptor, caller.tid)
        found = self._look_up(overlay, tuple(os.fsencode(each) for each in inner.split("/") if each))
        if found is None or not _is_same(found.layers[-1], status):
            return None
        return found

    def _look_up(self, overlay: Overlay, names: tuple[bytes, ...]) -> Beneath | None:
        tops = (overlay.upper, *overlay.lowers)
        layers = [tuple(Layer(each, os.fstat(each), is_upper=each == overlay.upper) for each in tops if each >= 0)]
        with own_capabilities():
            for name in names:
                layers.append(self.entry(layers[-1], name))
                if not layers[-1]:
                    return None
        return Beneath(overlay, names, tuple(layers))

    def entry(self, directory: tuple[Layer, ...], name: bytes) -> tuple[Layer, ...]:
        """Return what there is of a name in a directory, of which there may be several.

        Source: the kernel's ``ovl_lookup``; directories that were renamed (``redirect_dir``) are none here.
        """
        found: list[Layer] = []
        for each in directory:
            try:
                descriptor = self._box.descriptors.add(os.open(name, _UNFOLLOWED, dir_fd=each.descriptor))
            except (FileNotFoundError, NotADirectoryError):
                continue
            status = os.fstat(descriptor)
            is_directory = stat.S_ISDIR(status.st_mode)
            if _is_whiteout(status) or (found and not is_directory):
                break
            found.append(Layer(descriptor, status, each.is_upper))
            if not is_directory or _attribute(descriptor, _OPAQUE) == b"y":
                break
        return tuple(found)

    def changed(self) -> None:
        """Forget what was found in this call, which has changed names."""
        self._seen.clear()

    def whiteout(self, directory: tuple[Layer, ...], name: bytes) -> Layer | None:
        """Return what hides a name in the upper directory; None where nothing does."""
        upper = directory[0]
        if not upper.is_upper:
            return None
        try:
            with own_capabilities():
                descriptor = self._box.descriptors.open(name, _UNFOLLOWED, upper.descriptor)
        except FileNotFoundError:
            return None
        status = os.fstat(descriptor)
        return Layer(descriptor, status, is_upper=True) if _is_whiteout(status) else None

    def is_covering(self, directory: tuple[Layer, ...], name: bytes) -> bool:
        """Tell whether a lower directory has a name, which must be hidden when it is removed."""
        with own_capabilities():
            return bool(self.entry(tuple(each for each in directory if not each.is_upper), name))

    # --- Labels -----------------------------------------------------------------------------------------------------

    def sid_of(self, descriptor: int, status: os.stat_result, caller: Caller, path: str) -> int | None:
        """Return the SID of a file of an overlay; None for any other file.

        Source: the kernel's ``inode_doinit_use_xattr``, which asks whether the mounter may have the label beneath.
        """
        overlay = self._mounted.get(status.st_dev)
        if overlay is None:
            return self._unlabeled if self._is_astray(descriptor, status, path) else None
        if overlay.superblock.mountpoint:
            return overlay.superblock.mountpoint
        found = self.beneath(caller, descriptor, status)
        if found is None:
            return self._gone_sid(status, path)
        if overlay.superblock.root and not found.names:
            return overlay.superblock.root
        self._mark(caller, found)
        return self._shown(caller, overlay, found.file)

    def _mark(self, caller: Caller, found: Beneath) -> None:
        """Label a copy that was made before the box, or by the kernel itself, as what it is a copy of."""
        file, labels = found.file, self._box.labels
        if not file.is_upper or not found.names or not labels.is_unmarked(file.descriptor, file.status):
            return
        origins = [each for each in found.layers[-1] if not each.is_upper]
        if not origins:
            below = tuple(each for each in found.layers[-2] if not each.is_upper)
            with own_capabilities():
                origins = [each for each in self.entry(below, found.names[-1]) if _is_origin(file, each)]
        if origins:
            labels.assign(file.status, self.real_sid(caller, origins[0]), f"/proc/self/fd/{file.descriptor}")

    def _shown(self, caller: Caller, overlay: Overlay, file: Layer) -> int:
        """Return the SID that an overlay shows of a file beneath."""
        if overlay.superblock.mountpoint:
            return overlay.superblock.mountpoint
        try:
            self.check_file(caller, overlay, file, "getattr")
        except AccessDenied:
            return self._unlabeled
        return self.real_sid(caller, file)

    def real_sid(self, caller: Caller, file: Layer) -> int:
        """Return the SID of a file beneath."""
        return self._box.labels.sid_of(file.descriptor, file.status, caller)

    def _gone_sid(self, status: os.stat_result, path: str) -> int:
        return self.gone_sid(status) if path.endswith(DELETED) else self._unlabeled

    def _is_astray(self, descriptor: int, status: os.stat_result, path: str) -> bool:
        """Tell whether a file of an overlay has a device number that tells nothing: its inode number is too long."""
        filesystems = self._box.labels.filesystems
        if os.major(status.st_dev) or not path.startswith("/") or filesystems.kind_of(status.st_dev):
            return False
        mounted = read_table("self").get(mount_number(descriptor))
        return mounted is not None and mounted.device in self._mounted

    def assign(self, status: os.stat_result, sid: int, place: str | None) -> None:
        """Label what lies beneath a file of an overlay, which has just been made.

        Args:
            status: the file's.
            sid: its SID.
            place: a path that names it; None for a file without a name.
        """
        self._seen.clear()
        found = None if place is None else self._beneath_place(place, status)
        if found is None:
            self.keep_gone(status, sid)
        else:
            self._gone.pop((status.st_dev, status.st_ino), None)
            self._box.labels.assign(found.file.status, sid, f"/proc/self/fd/{found.file.descriptor}")

    def _beneath_place(self, place: str, status: os.stat_result) -> Beneath | None:
        # A link in the last place is itself meant, unless it is the one that stands for a descriptor.
        flags = O_PATH if _DESCRIPTOR.fullmatch(place) else _UNFOLLOWED
        try:
            descriptor = self._box.descriptors.open(place, flags)
        except FileNotFoundError:
            return None
        if os.fstat(descriptor)[1:3] != status[1:3]:
            return None
        return None if self._caller is None else self.beneath(self._caller, descriptor, status)

    def keep_gone(self, status: os.stat_result, sid: int, file: Layer | None = None) -> None:
        """Keep the label of a file that is about to lose a name.

        Args:
            status: the file's.
            sid: of what lies beneath.
            file: that, where it is about to lose its name, too.
        """
        key = (status.st_dev, status.st_ino)
        self._gone[key] = sid
        if len(self._gone) > _GONE_KEPT:
            self._gone.popitem(last=False)
        if file is not None and file.is_upper:
            self._leaving = {key: (file.status, path_of(file.descriptor))}

    def name_gone(self, caller: Caller, parent: int, name: bytes, status: os.stat_result, whiteout: int) -> None:
        """Forget what lay beneath a name that is gone, and label what hides it now.

        Args:
            caller: who removed it.
            parent: the directory.
            name: what it was called there.
            status: of what it named.
            whiteout: SID of what hides names.
        """
        self.changed()
        left = self._leaving.pop((status.st_dev, status.st_ino), None)
        if left is not None:
            self._box.labels.removed(*left)
        found = self.beneath(caller, parent, os.fstat(parent))
        hiding = None if found is None else self.whiteout(found.layers[-1], name)
        if hiding is not None:
            self._box.labels.assign(hiding.status, whiteout, f"/proc/self/fd/{hiding.descriptor}")

    def is_gone(self, status: os.stat_result) -> bool:
        """Tell whether a file without a name is one whose label was kept."""
        return (status.st_dev, status.st_ino) in self._gone

    def gone_sid(self, status: os.stat_result) -> int:
        """Return the SID of what lay beneath a file without a name."""
        return self._gone.get((status.st_dev, status.st_ino), self._unlabeled)

    # --- Copying up -------------------------------------------------------------------------------------------------

    def missing(self, found: Beneath) -> int:
        """Return how many of the last layers of a file are not in the upper directory yet.

        Raises:
            OSError: EROFS where there is none.
        """
        if found.overlay.upper < 0:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return sum(not layers[0].is_upper for layers in found.layers)

    def copy_up(self, caller: Caller, found: Beneath, descriptor: int) -> Beneath:
        """Have a file, and the directories on the way to it, copied to the upper directory, with their labels.

        Args:
            caller: whose call needs it.
            found: what lies beneath the file.
            descriptor: the file itself.

        Returns:
            What lies beneath it then.
        """
        overlay, count = found.overlay, self.missing(found)
        if not count:
            return found
        sids = [self._shown(caller, overlay, layers[0]) for layers in found.layers[-count:]]
        status = os.fstat(descriptor)
        with own_capabilities():
            os.utime(f"/proc/self/fd/{descriptor}", ns=(status.st_atime_ns, status.st_mtime_ns))
        self._seen.clear()
        copied = self._look_up(overlay, found.names)
        if copied is None or self.missing(copied):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        for layers, sid in zip(copied.layers[-count:], sids, strict=True):
            copy = layers[0]
            self._box.labels.assign(copy.status, sid, f"/proc/self/fd/{copy.descriptor}")
        return copied

    def check_file(
        self, caller: Caller, overlay: Overlay, file: Layer, *permissions: str, object_class: str = ""
    ) -> None:
        """Check permissions of an overlay's mounter on a file beneath.

        Raises:
            AccessDenied: when policy denies them.
        """
        labels = self._box.labels
        self._box.monitor.check(
            caller,
            self.real_sid(caller, file),
            object_class or labels.class_of(file.status),
            permissions,
            labels.at(file.descriptor),
            source=overlay.mounter,
        )


def _is_whiteout(status: os.stat_result) -> bool:
    """Tell whether a file hides those of its name in the directories below."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _attribute(descriptor: int, name: str) -> bytes:
    try:
        return os.getxattr(f"/proc/self/fd/{descriptor}", name)
    except OSError:
        return b""


def _is_same(layers: tuple[Layer, ...], status: os.stat_result) -> bool:
    """Tell whether an overlay that shows a status shows one of the files that were found beneath it.

    Source: the kernel's ``ovl_getattr`` and ``ovl_map_dev_ino``: what is shown is the number of the file that was
    copied up, if the copy knows it.
    """
    if stat.S_IFMT(layers[0].status.st_mode) != stat.S_IFMT(status.st_mode):
        return False
    shown = status.st_ino & _INODE_MASK
    if any(each.status.st_ino & _INODE_MASK == shown for each in layers):
        return True
    return _is_copy_of(layers[0], shown)


def _is_origin(file: Layer, other: Layer) -> bool:
    """Tell whether a file in the upper directory is a copy of another."""
    is_like = stat.S_IFMT(file.status.st_mode) == stat.S_IFMT(other.status.st_mode)
    return is_like and _is_copy_of(file, other.status.st_ino & _INODE_MASK)


def _is_copy_of(file: Layer, inode: int) -> bool:
    """Tell whether a file says that it is a copy of the one with an inode number (kernel: ``struct ovl_fh``)."""
    with own_capabilities():
        handle = _attribute(file.descriptor, _ORIGIN)[_HANDLE_AT:]
    return inode.to_bytes(8, "little")[:4] in [handle[place : place + 4] for place in range(0, len(handle), 4)]
