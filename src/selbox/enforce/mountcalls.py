"""The kernel's calls about mounts, by descriptors: what was decided about is mounted, wherever names lead by now.

Source: ``fsopen(2)``, ``fsconfig(2)``, ``fsmount(2)``, ``open_tree(2)``, ``move_mount(2)``, ``mount(2)``,
    ``umount2(2)``.
"""

import errno
import os

from selbox.enforce.linux import AT_EMPTY_PATH, system_call
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.typing import Final

_CLOSE_ON_EXEC: Final = 1
_OPEN_TREE_CLONE: Final = 1
_AT_RECURSIVE: Final = 0x8000
_FROM_EMPTY_PATH: Final = 0x04
_TO_EMPTY_PATH: Final = 0x40
_PICK_EMPTY_PATH: Final = 0x08
_SET_FLAG, _SET_STRING, _CREATE, _RECONFIGURE, _CREATE_EXCLUSIVELY = 0, 1, 6, 7, 8
_UMOUNT_NOFOLLOW: Final = 8


def open_context(kind: bytes) -> int:
    """Return a descriptor for the making of a file system of a kind (``fsopen``).

    Raises:
        OSError: ENODEV for a kind that the kernel does not know.
    """
    return system_call(NUMBERS["fsopen"], kind + b"\0", _CLOSE_ON_EXEC)


def set_option(context: int, name: bytes, value: bytes | None) -> None:
    """Set one option of a file system that is being made; a value of None makes it a flag.

    Raises:
        OSError: what the file system says of it, EINVAL where it does not know it.
    """
    if value is None:
        system_call(NUMBERS["fsconfig"], context, _SET_FLAG, name + b"\0", None, 0)
    else:
        system_call(NUMBERS["fsconfig"], context, _SET_STRING, name + b"\0", value + b"\0", 0)


def create(context: int, *, exclusively: bool) -> None:
    """Make the file system, or find the one that there is already.

    Raises:
        OSError: EBUSY for one that there is already, if it is to be made exclusively; EOPNOTSUPP where the kernel
            cannot tell (before Linux 6.6).
    """
    system_call(NUMBERS["fsconfig"], context, _CREATE_EXCLUSIVELY if exclusively else _CREATE, None, None, 0)


def detached_mount(context: int, attributes: int) -> int:
    """Return a descriptor of a mount of a file system that was made, which is mounted nowhere yet."""
    return system_call(NUMBERS["fsmount"], context, _CLOSE_ON_EXEC, attributes)


def copied_mount(source: int, *, recursively: bool) -> int:
    """Return a descriptor of a copy of the mount that an object is in, with that object as its root."""
    flags = _OPEN_TREE_CLONE | os.O_CLOEXEC | AT_EMPTY_PATH | (_AT_RECURSIVE if recursively else 0)
    return system_call(NUMBERS["open_tree"], source, b"\0", flags)


def attach(mount: int, place: int, flags: int = 0) -> None:
    """Mount what is mounted nowhere, or move what is, to where a descriptor leads.

    Args:
        mount: descriptor of what is mounted.
        place: of where.
        flags: further ones of ``move_mount(2)``.
    """
    system_call(NUMBERS["move_mount"], mount, b"\0", place, b"\0", flags | _FROM_EMPTY_PATH | _TO_EMPTY_PATH)


def set_attributes(mount: int, flags: int, attributes: bytes) -> None:
    """Change a mount's attributes (``mount_setattr(2)``).

    Args:
        mount: its descriptor.
        flags: ``AT_RECURSIVE`` or 0.
        attributes: ``struct mount_attr``.
    """
    system_call(NUMBERS["mount_setattr"], mount, b"\0", flags | AT_EMPTY_PATH, attributes, len(attributes))


def pick(place: int) -> int:
    """Return a context for changing the file system that is mounted where a descriptor leads (``fspick(2)``)."""
    return system_call(NUMBERS["fspick"], place, b"\0", _CLOSE_ON_EXEC | _PICK_EMPTY_PATH)


def reconfigure(context: int) -> None:
    """Change a mounted file system to what was set in a context."""
    system_call(NUMBERS["fsconfig"], context, _RECONFIGURE, None, None, 0)


def change(place: int, flags: int, data: bytes | None) -> None:
    """Change a mount, or the file system that is mounted, as ``mount(2)`` does with these flags.

    The working directory must be that of the supervisor's descriptors, as for all functions here that need a name.
    """
    options = None if data is None else data + b"\0"
    system_call(NUMBERS["mount"], b"none\0", b"%d\0" % place, None, flags, options)


def detach(mount: int, flags: int) -> None:
    """Unmount what a descriptor is the root of, though it is in use (``umount2``)."""
    system_call(NUMBERS["umount2"], b"%d\0" % mount, flags & ~_UMOUNT_NOFOLLOW)


def unmount(directory: int, name: bytes, flags: int) -> None:
    """Unmount what is mounted on a name in a directory (``umount2``)."""
    if not name or b"/" in name:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    place = b"%d/%b\0" % (directory, name)
    system_call(NUMBERS["umount2"], place, flags | _UMOUNT_NOFOLLOW)


def exchange_root(root: int, place: int) -> None:
    """Make a directory the root of all mounts, and move the old one to another directory (``pivot_root(2)``)."""
    system_call(NUMBERS["pivot_root"], b"%d\0" % root, b"%d\0" % place)
