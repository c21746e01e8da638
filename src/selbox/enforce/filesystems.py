"""Which file system a device number belongs to, where in it a path lies, and where its files were first."""

import ctypes
import os
import struct

from selbox.enforce.credentials import own_capabilities
from selbox.enforce.linux import AT_EMPTY_PATH, system_call
from selbox.enforce.mountids import MountIds, mount_ids
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.typing import Final, NamedTuple


class Mounted(NamedTuple):
    """A mounted file system.

    Attributes:
        kind: the kernel's name for it, such as ``ext4``.
        point: where it is mounted.
        root: the path within it that is mounted there.
        source: the device's name, for audit records.
        device: its number.
        is_shared: whether what is mounted on it appears elsewhere too.
    """

    kind: str
    point: str
    root: str
    source: str
    device: int = 0
    is_shared: bool = False


_OF_DEVICES = frozenset({"btrfs", "bcachefs"})
"""File systems of block devices whose device numbers are made up all the same."""

_NAMELESS = {
    "pipe": "pipefs",
    "socket": "sockfs",
    "anon_inode": "anon_inodefs",
    "/memfd": "tmpfs",
    **dict.fromkeys(("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"), "nsfs"),
}
"""File systems that are mounted nowhere, by what their files' names begin with."""

_UNKNOWN = Mounted("", "", "/", "")
_STATX_MOUNT: Final = 0x1000
_STATX_SIZE: Final = 256
_STATX_MOUNT_AT: Final = 144
_STATX_ATTRIBUTES_AT: Final = 8
_ATTRIBUTE_MOUNT_ROOT: Final = 0x2000

Table = dict[int, Mounted]
"""What is mounted, by number of the mount, which is different in each namespace."""


def read_table(task: int | str) -> Table:
    """Return what a task sees mounted.

    Raises:
        OSError: when it cannot be read.
    """
    table: Table = {}
    with open(f"/proc/{task}/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            fields = line.split(" ")
            major, minor = map(int, fields[2].split(":"))
            dash = fields.index("-")
            is_shared = any(each.startswith("shared:") for each in fields[6:dash])
            place = _unescape(fields[4]), _unescape(fields[3])
            device = os.makedev(major, minor)
            table[int(fields[0])] = Mounted(fields[dash + 1], *place, fields[dash + 2], device, is_shared)
    return table


def mount_number(descriptor: int) -> int:
    """Return the number of the mount by which an object was opened."""
    return int(struct.unpack_from("=Q", _extended(descriptor), _STATX_MOUNT_AT)[0])


def is_mounted(descriptor: int) -> bool:
    """Tell whether an object is the root of the mount by which it was opened."""
    return bool(struct.unpack_from("=Q", _extended(descriptor), _STATX_ATTRIBUTES_AT)[0] & _ATTRIBUTE_MOUNT_ROOT)


def _extended(descriptor: int) -> bytes:
    buffer = ctypes.create_string_buffer(_STATX_SIZE)
    system_call(NUMBERS["statx"], descriptor, b"\0", AT_EMPTY_PATH, _STATX_MOUNT, buffer)
    return buffer.raw


def nameless_kind(path: str) -> str:
    """Return the kind of a file system that is mounted nowhere, by what a file in it is called; empty for others."""
    return _NAMELESS.get(path.partition(":")[0], "")


class Filesystems:
    """Reads the mount table when a device number is met that it does not know.

    Once the box itself mounts something, a file may be met by a path that it was not there by first. What labels files
    by their paths is to go by the first ones, which :meth:`original` knows.
    """

    def __init__(self) -> None:
        self._mounts: dict[int, list[Mounted]] = {}
        self._table: Table = {}
        self._first: dict[int, list[Mounted]] | None = None
        """What was mounted before the box mounted anything, or was mounted by others, by device; None until then."""
        self._ids: MountIds = {}
        """Numbers of mounts that never come again, where the kernel tells."""
        self._made: dict[int, Mounted] = {}
        """What the box has mounted, maybe where the supervisor does not see it."""

    def watch(self) -> None:
        """Note what is mounted, for :meth:`changed_outside`."""
        try:
            self._ids = mount_ids(self._ids)
        except OSError:  # a kernel before 6.8
            self._read()

    def _read(self) -> None:
        self._table = read_table("self")
        self._mounts = {}
        for mounted in self._table.values():
            self._mounts.setdefault(mounted.device, []).append(mounted)

    def kind_of(self, device: int) -> str:
        """Return the kind of a file system, or an empty string for one that is mounted nowhere, such as pipes'."""
        return self._find(device)[0].kind

    def kind_at(self, device: int, descriptor: int) -> str:
        """Return the kind of the file system on which a file was opened.

        No mount has the device numbers of files in an overlay over several file systems: they are known from then on.

        Args:
            device: the file's.
            descriptor: of the file.
        """
        kind = self.kind_of(device)
        if kind:
            return kind
        mounted = self._table.get(mount_number(descriptor))
        if mounted is None or mounted.device in self._made:
            return ""
        self._mounts[device] = [mounted]
        return mounted.kind

    def device_name(self, device: int, path: str) -> str:
        """Return the name of a device as audit records give it (``dev``).

        Args:
            device: its number.
            path: of a file on it, as the kernel knows it.

        Source: ``s_id`` of the kernel's ``struct super_block``: the name of the block device, else the kind of the file
            system.
        """
        found = self._find(device)[0]
        if not found.kind:
            return nameless_kind(path)
        has_device = os.major(device) != 0 or found.kind in _OF_DEVICES
        return (found.source.rpartition("/")[2] if has_device else "") or found.kind

    def inner_path(self, device: int, path: str, descriptor: int = -1, task: int = 0) -> str:
        """Return a path as seen from the root of its own file system, which ``genfscon`` rules speak of.

        Args:
            device: number of the file system.
            path: by which the kernel knows the file.
            descriptor: of the file; without it, the file is taken to be where the supervisor sees it.
            task: who named it.
        """
        if descriptor >= 0 and self.is_changed:
            mounted, point = self._mounted(descriptor, task)
            if mounted is not None and _lies_in(path, point):
                return _joined(mounted.root, path[len(point.rstrip("/")) :])
        best = None
        for mounted in self._find(device):
            if _lies_in(path, mounted.point) and (best is None or len(mounted.point) > len(best.point)):
                best = mounted
        return path if best is None else _joined(best.root, path[len(best.point.rstrip("/")) :])

    def _find(self, device: int) -> list[Mounted]:
        found = self._mounts.get(device)
        if found is None:
            self._read()
            found = self._mounts.setdefault(device, [self._made.get(device, _UNKNOWN)])
        return found

    @property
    def is_changed(self) -> bool:
        """Whether the box ever mounted or unmounted something."""
        return self._first is not None

    # --- What the box mounts ----------------------------------------------------------------------------------------

    def about_to_change(self) -> None:
        """Note what is mounted before the box itself mounts or unmounts something."""
        self._read()
        if self._first is None:
            self._first = {device: list(each) for device, each in self._mounts.items()}

    def changed(self) -> None:
        """Read again what is mounted, after the box itself changed it."""
        self._read()
        if self._ids:
            self.watch()

    def changed_outside(self) -> set[int]:
        """Read again what is mounted, after somebody may have changed it who is not of the box.

        Returns:
            The numbers of devices that may be other file systems than before.
        """
        before, known = self._table, self._mounts
        self._read()
        new = {number: each for number, each in self._table.items() if before.get(number) != each}
        if self._first is not None:
            for each in new.values():
                self._first.setdefault(each.device, []).append(each)
        if self._ids:
            ids, self._ids = self._ids, mount_ids(self._ids)
            staying = {device for number, device in ids.items() if number in self._ids}
            return {device for number, device in self._ids.items() if number not in ids and device not in staying}
        appeared = {each.device for each in new.values()}
        return {device for device in appeared if before and (device not in known or self._is_replaced(device, before))}

    def _is_replaced(self, device: int, before: Table) -> bool:
        """Tell whether nothing of a device stayed mounted where it was."""
        return device not in self._made and not any(
            each.device == device and before.get(number) == each for number, each in self._table.items()
        )

    def add(self, device: int, kind: str, source: str) -> None:
        """Remember a file system that the box made."""
        self._made[device] = Mounted(kind, "", "/", source, device)
        self._mounts.pop(device, None)

    def original(self, descriptor: int, path: str, task: int) -> str | None:
        """Return the path by which a file was there before the box mounted anything, which is mostly its own.

        Args:
            descriptor: the file's.
            path: by which the kernel knows it.
            task: who named it.

        Returns:
            None where it cannot be told.
        """
        if self._first is None:
            return path
        mounted, point = self._mounted(descriptor, task)
        if mounted is None:
            return None
        first = self._first.get(mounted.device, [])
        if any(each.point == point and each.root == mounted.root for each in first):
            return path
        if not _lies_in(path, point):
            return None
        inner = _joined(mounted.root, path[len(point.rstrip("/")) :])
        holders = [each for each in first if _lies_in(inner, each.root)]
        if not holders:
            return path
        best = max(holders, key=lambda each: len(each.root))
        return _joined(best.point, inner[len(best.root.rstrip("/")) :])

    def _mounted(self, descriptor: int, task: int) -> tuple[Mounted | None, str]:
        """Return the mount by which a file was opened, if its task or the supervisor sees it, and where that is."""
        number = mount_number(descriptor)
        mounted = self._table.get(number)
        if mounted is not None:
            return mounted, mounted.point
        with own_capabilities():
            mounted = read_table(task).get(number)
            above = os.readlink(f"/proc/{task}/root").rstrip("/")
        return mounted, "" if mounted is None else above + mounted.point


def _lies_in(path: str, directory: str) -> bool:
    """Tell whether a path is at or below a directory."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def _joined(directory: str, rest: str) -> str:
    """Return a path of a directory and what follows there, which is empty or begins with a slash."""
    return (directory.rstrip("/") + rest) or "/"


def _unescape(field: str) -> str:
    """Undo the octal escapes of the mount table (space, tab, newline and backslash)."""
    if "\\" not in field:
        return field
    for escape, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(escape, character)
    return field
