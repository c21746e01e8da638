"""File systems in memory for programs in user namespaces of their own, which the supervisor mounts for them.

Source: ``user_namespaces(7)``, ``tmpfs(5)``; the kernel's ``mount_capable`` and ``shmem_parse_one``.
"""

import errno
import os
from collections.abc import Iterator, Sequence

from selbox.enforce.identitymaps import meant_group, meant_user
from selbox.enforce.overlaymounts import Option
from selbox.typing import Final

NO_DEVICES: Final = 4
"""Attribute of a mount on which devices cannot be opened, as on all that are of such namespaces."""

_KIND: Final = b"tmpfs"
_ALLOWED: Final = frozenset(
    (b"source", b"ro", b"sync", b"dirsync", b"lazytime", b"size", b"nr_blocks", b"nr_inodes", b"mode", b"uid", b"gid")
)
_MEANT: Final = {b"uid": meant_user, b"gid": meant_group}


def confined_options(task: int, kind: bytes, options: Sequence[Option]) -> Sequence[Option]:
    """Return the options of a file system as the supervisor is to say them.

    Args:
        task: who mounts it; users and groups are meant as they are in its namespace.
        kind: of the file system.
        options: as they were said.

    Raises:
        OSError: EPERM for another kind than memory; EINVAL for an option that takes more than the namespace gives.
    """
    if kind != _KIND:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))
    return tuple(_translated(task, options))


def _translated(task: int, options: Sequence[Option]) -> Iterator[Option]:
    for name, value in options:
        if name not in _ALLOWED:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        meant = _MEANT.get(name)
        if meant is None:
            yield name, value
            continue
        number = meant(task, int(value)) if value and value.isdigit() else -1
        if number < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        yield name, b"%d" % number
