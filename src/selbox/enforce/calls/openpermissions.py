"""What opening a file asks for: permissions of policy, and ordinary ones."""

import os

from selbox.typing import Final

_MASKS: Final = {
    mode | truncate: mask | (os.W_OK if truncate else 0)
    for mode, mask in ((os.O_RDONLY, os.R_OK), (os.O_WRONLY, os.W_OK), (os.O_RDWR, 6), (os.O_ACCMODE, 6))
    for truncate in (0, os.O_TRUNC)
}
"""Ordinary permissions that opening takes."""
_READ, _WRITE, _APPEND = ("read",), ("write",), ("append",)
_READ_WRITE, _READ_APPEND = ("read", "write"), ("read", "append")
_WITH_OPEN: Final[dict[tuple[str, ...], tuple[str, ...]]] = {
    (): ("ioctl", "open"),
    **{each: (*each, "open") for each in (_READ, _WRITE, _APPEND, _READ_WRITE, _READ_APPEND)},
}
"""The permissions of an access mode, to those that opening asks for together."""


def open_mask(flags: int) -> int:
    """Return the ordinary permissions that opening takes, ``os.R_OK`` and the like."""
    return _MASKS[flags & (os.O_ACCMODE | os.O_TRUNC)]


def with_open(flags: int) -> tuple[str, ...]:
    """Return all permissions that opening asks for together (kernel: ``selinux_file_open``)."""
    return _WITH_OPEN[open_permissions(flags)]


def sought_permissions(flags: int) -> tuple[str, ...]:
    """Return the permissions that are asked for before a file is opened, for which mode 3 is reading and writing.

    Source: the kernel's ``may_open`` and ``file_mask_to_av``.
    """
    return open_permissions(flags) or (_READ_APPEND if flags & os.O_APPEND else _READ_WRITE)


def open_permissions(flags: int) -> tuple[str, ...]:
    """Return the permissions that an open file exercises; none for mode 3, which only ``ioctl`` may use.

    Source: the kernel's ``file_to_av``.
    """
    access = flags & os.O_ACCMODE
    if access == os.O_RDONLY:
        return _READ_WRITE if flags & os.O_TRUNC else _READ
    if access == os.O_WRONLY:
        return _APPEND if flags & os.O_APPEND else _WRITE
    if access == os.O_RDWR:
        return _READ_APPEND if flags & os.O_APPEND else _READ_WRITE
    return ()
