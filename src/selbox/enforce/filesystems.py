"""Which file system a device number belongs to, and where in it a path lies."""

import os

from selbox.model.policy import Policy
from selbox.typing import NamedTuple


class Mounted(NamedTuple):
    """A mounted file system.

    Attributes:
        kind: the kernel's name for it, such as ``ext4``.
        point: where it is mounted.
        root: the path within it that is mounted there.
        source: the device's name, for audit records.
    """

    kind: str
    point: str
    root: str
    source: str


_OF_DEVICES = frozenset({"btrfs", "bcachefs"})
"""File systems of block devices whose device numbers are made up all the same."""

_NAMELESS = {"pipe": "pipefs", "socket": "sockfs", "anon_inode": "anon_inodefs", "/memfd": "tmpfs", "net": "nsfs"}
"""File systems that are mounted nowhere, by what their files' names begin with."""

_WITH_LABELS = frozenset({"sysfs", "pstore", "debugfs", "tracefs", "rootfs", "cgroup", "cgroup2"})
"""File systems that ``genfscon`` labels and whose files may be relabelled all the same.

Source: the kernel's ``selinux_is_genfs_special_handling``.
"""

_UNKNOWN = Mounted("", "", "/", "")


def fixed_filesystems(policy: Policy) -> frozenset[str]:
    """Return the kinds of file systems whose files cannot be relabelled: ``genfscon`` labels them by their paths."""
    by_path = {each.filesystem for each in policy.genfs_contexts}
    return frozenset(by_path - {each.filesystem for each in policy.filesystem_uses} - _WITH_LABELS)


class Filesystems:
    """Reads the mount table when a device number is met that it does not know."""

    def __init__(self) -> None:
        self._mounts: dict[int, list[Mounted]] = {}

    def _read(self) -> None:
        self._mounts = {}
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
            for line in table:
                fields = line.split(" ")
                major, minor = map(int, fields[2].split(":"))
                dash = fields.index("-")
                mounted = Mounted(fields[dash + 1], _unescape(fields[4]), _unescape(fields[3]), fields[dash + 2])
                self._mounts.setdefault(os.makedev(major, minor), []).append(mounted)

    def kind_of(self, device: int) -> str:
        """Return the kind of a file system, or an empty string for one that is mounted nowhere, such as pipes'."""
        return self._find(device)[0].kind

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
            return _NAMELESS.get(path.partition(":")[0], "")
        has_device = os.major(device) != 0 or found.kind in _OF_DEVICES
        return (found.source.rpartition("/")[2] if has_device else "") or found.kind

    def inner_path(self, device: int, path: str) -> str:
        """Return a path as seen from the root of its own file system, which ``genfscon`` rules speak of."""
        best = None
        for mounted in self._find(device):
            point = mounted.point.rstrip("/")
            if (path == mounted.point or path.startswith(point + "/")) and (
                best is None or len(point) > len(best.point)
            ):
                best = mounted._replace(point=point)
        if best is None:
            return path
        return (best.root.rstrip("/") + path[len(best.point) :]) or "/"

    def _find(self, device: int) -> list[Mounted]:
        found = self._mounts.get(device)
        if found is None:
            self._read()
            found = self._mounts.setdefault(device, [_UNKNOWN])
        return found


def _unescape(field: str) -> str:
    """Undo the octal escapes of the mount table (space, tab, newline and backslash)."""
    if "\\" not in field:
        return field
    for escape, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(escape, character)
    return field
