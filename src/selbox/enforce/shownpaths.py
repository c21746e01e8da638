"""Paths as the kernel shows them."""

import errno
import os

from selbox.typing import Final

TOO_LONG: Final = "<too_long>"
"""What stands for a path that is longer than the kernel tells, as in its audit records."""
DELETED: Final = " (deleted)"
"""What follows the name of a file that has it no more."""


def path_of(descriptor: int) -> str:
    """Return the path by which the kernel knows an open file; pipes and the like are ``pipe:[INODE]``."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return TOO_LONG


def without_deleted(path: str, status: os.stat_result) -> str:
    """Return the path of a file with this status, without what the kernel puts behind one that is gone."""
    return path.removesuffix(DELETED) if status.st_nlink == 0 else path


def directory_of(path: str) -> tuple[int, int]:
    """Return device and inode number of a file's directory; zeros when it is gone."""
    try:
        status = os.stat(os.path.dirname(path))
    except OSError:
        return (0, 0)
    return (status.st_dev, status.st_ino)
