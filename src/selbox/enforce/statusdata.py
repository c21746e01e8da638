"""The status of a file as the kernel writes it into a caller's memory."""

import ctypes
import errno
import os
import struct

from selbox.enforce.linux import AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, writer_of
from selbox.typing import Final

_STAT: Final = struct.Struct("=QQQIII4xQqqqqqqqqq24x")
_HEAD: Final = struct.Struct("=QQQIII")
_KEY: Final = struct.Struct("=QQ")
_STATX: Final = struct.Struct("=IIQIIIHxxQQQQ")
_STATX_TIME: Final = struct.Struct("=qIi")
_STATX_DEVICES: Final = struct.Struct("=IIII")
_STATX_SIZE: Final = 256
_STATX_BASIC: Final = 0x7FF
_STATX_OWNER: Final = struct.Struct("=II")
_OWNER_AT: Final = 20
_NANOSECONDS: Final = 1_000_000_000


_space = ctypes.create_string_buffer(_STAT.size)
_fstatat = ctypes.CDLL(None, use_errno=True).fstatat

write_status: Final = writer_of(_space)
"""Writes the status that :func:`status_data` returned last into a task's memory, by thread id and address."""


def status_data(directory: int, path: bytes, flags: int) -> bytes | None:
    """Return ``struct stat`` of a file as the kernel gives it, or None where ``os.stat`` would raise.

    It takes half the time of a status that is taken apart and put together again.

    Args:
        directory: descriptor of where a relative path starts.
        path: the path.
        flags: ``AT_SYMLINK_NOFOLLOW`` or 0.
    """
    return None if _fstatat(directory, path, _space, flags) else _space.raw


def key_at(path: bytes, directory: int | None = None) -> tuple[int, int] | None:
    """Return device and inode number of what a path leads to, or None where ``os.stat`` would raise."""
    if _fstatat(AT_FDCWD if directory is None else directory, path, _space, 0):
        return None
    device, inode = _KEY.unpack_from(_space)
    return device, inode


def key_of(descriptor: int) -> tuple[int, int]:
    """Return device and inode number of what an own descriptor stands for."""
    _fstatat(descriptor, b"", _space, AT_EMPTY_PATH)
    device, inode = _KEY.unpack_from(_space)
    return device, inode


def is_missing(path: bytes) -> bool:
    """Tell whether there is nothing of a name: no link that leads nowhere either."""
    return _fstatat(AT_FDCWD, path, _space, AT_SYMLINK_NOFOLLOW) != 0 and ctypes.get_errno() == errno.ENOENT


def head_of(data: bytes) -> bytes:
    """Return what :func:`status_head` does, of a ``struct stat``."""
    return data[: _HEAD.size]


def owner_of(head: bytes) -> tuple[int, int]:
    """Return user and group of what a ``struct stat`` begins with."""
    user, group = _HEAD.unpack_from(head)[4:]
    return user, group


def status_head(status: os.stat_result) -> bytes:
    """Return what ``struct stat`` begins with, which is all that checks depend on.

    That is device, inode number, number of links, mode, owner and group.
    """
    mode, inode, device, links, user, group = status[:6]
    return _HEAD.pack(device, inode, links, mode, user, group)


def kind_and_key(data: bytes) -> tuple[int, int, int]:
    """Return mode, inode number and device of a ``struct stat``, as a status begins with them."""
    device, inode, _links, mode, _user, _group = _HEAD.unpack_from(data)
    return mode, inode, device


def stat_structure(status: os.stat_result, user: int, group: int) -> bytes:
    """Return ``struct stat`` of x86_64, 144 bytes.

    Args:
        status: the file's.
        user: the owner as the caller sees it.
        group: the same of the group.

    Source: the kernel's ``arch/x86/include/uapi/asm/stat.h``.
    """
    return _STAT.pack(
        status.st_dev,
        status.st_ino,
        status.st_nlink,
        status.st_mode,
        user,
        group,
        status.st_rdev,
        status.st_size,
        status.st_blksize,
        status.st_blocks,
        *divmod(status.st_atime_ns, _NANOSECONDS),
        *divmod(status.st_mtime_ns, _NANOSECONDS),
        *divmod(status.st_ctime_ns, _NANOSECONDS),
    )


def statx_structure(status: os.stat_result) -> bytes:
    """Return ``struct statx`` with the fields of a status, 256 bytes; for objects that only a box has.

    Source: the kernel's ``include/uapi/linux/stat.h``.
    """
    head = _STATX.pack(
        _STATX_BASIC,
        status.st_blksize,
        0,
        status.st_nlink,
        status.st_uid,
        status.st_gid,
        status.st_mode,
        status.st_ino,
        status.st_size,
        status.st_blocks,
        0,
    )
    times = (status.st_atime_ns, 0, status.st_ctime_ns, status.st_mtime_ns)
    spans = b"".join(_STATX_TIME.pack(*divmod(each, _NANOSECONDS), 0) for each in times)
    devices = _STATX_DEVICES.pack(
        os.major(status.st_rdev), os.minor(status.st_rdev), os.major(status.st_dev), os.minor(status.st_dev)
    )
    return (head + spans + devices).ljust(_STATX_SIZE, b"\0")


def statx_names(data: bytes, status: os.stat_result) -> bool:
    """Tell whether a ``struct statx`` is of the inode of a status."""
    inode = int.from_bytes(data[32:40], "little")
    major, minor = struct.unpack_from("=II", data, 136)
    return inode == status.st_ino and os.makedev(major, minor) == status.st_dev


def with_owner(data: bytes, user: int, group: int) -> bytes:
    """Return a ``struct statx`` with another owner."""
    return data[:_OWNER_AT] + _STATX_OWNER.pack(user, group) + data[_OWNER_AT + _STATX_OWNER.size :]


def with_size(status: os.stat_result, size: int) -> os.stat_result:
    """Return a status with another size, in bytes."""
    fields = {name: getattr(status, name) for name in dir(status) if name.startswith("st_")}
    return os.stat_result((*status[:6], size, *status[7:]), fields)
