"""Directories that stand elsewhere for the box than for the host, as if they were mounted there, and open files.

The host has no ``/sys/fs/selinux``, its ``/etc/selinux`` may be that of another policy, or not there, and what is at
``/var/log/audit`` is not the box's audit log. A walk that comes to such a place goes on in the directory that stands
for it, and comes back up from there.
"""

import os
from collections.abc import Callable, Sequence

from selbox.enforce.credentials import own_credentials_held
from selbox.enforce.linux import O_PATH
from selbox.enforce.statusdata import key_at
from selbox.typing import Final, NamedTuple

NAMES: Final = frozenset({b"selinux", b"audit"})
"""The last components of such places; all others are passed without a look."""

_DIRECTORY: Final = O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


class StandIn:
    """One such directory.

    Args:
        path: where the box finds it; its last component is one of :data:`NAMES`.
        directory: returns what stands for it, which it makes first where need be; given the components of the path
            that is sought in it.
    """

    def __init__(self, path: str, directory: Callable[[Sequence[bytes]], str]) -> None:
        self.path = path
        self.holder = os.path.dirname(path)
        self._directory = directory

    def open(self, inner: Sequence[bytes]) -> int:
        """Return a descriptor of the directory, the caller's to close.

        Args:
            inner: components of the path that is sought in it, without ``.`` and empty ones.

        Raises:
            OSError: when it cannot be made or opened.
        """
        with own_credentials_held():  # the way to where it really lies is nobody's of the box
            return os.open(self._directory(inner), _DIRECTORY)


class OpenFile(NamedTuple):
    """What an open file stands for that is none of the host's: one in memory, or a socket.

    Attributes:
        status: returns the status of what it stands for; raises OSError.
        sid: the label of that.
        fields: what an audit record says about it.
    """

    status: Callable[[], os.stat_result]
    sid: int
    fields: dict[str, object]


class StandIns:
    """All of them.

    Attributes:
        files: open files that stand for others, by device and inode number.
    """

    def __init__(self) -> None:
        self.files: dict[tuple[int, int], OpenFile] = {}
        self._by_holder: dict[tuple[int, int, bytes], StandIn] = {}
        self._holders: dict[tuple[int, int], str] = {}
        """Where to go up from the directories that stand for places."""
        self._shown: dict[bytes, bytes] = {}
        """Paths of those directories, and of the places."""
        self._fixed: set[tuple[int, int]] = set()

    def open_file(self, status: os.stat_result) -> OpenFile | None:
        """Return what an open file stands for; None for what stands for itself."""
        return self.files.get((status.st_dev, status.st_ino)) if self.files else None

    def add(self, stand_in: StandIn) -> None:
        """Add one; one whose holder the host lacks, such as ``/sys``, is not found by walks."""
        try:
            holder = os.stat(stand_in.holder)
        except OSError:
            return
        name = os.fsencode(os.path.basename(stand_in.path))
        self._by_holder[holder.st_dev, holder.st_ino, name] = stand_in

    @property
    def are_used(self) -> bool:
        """Whether a walk ever came to one of them."""
        return bool(self._holders)

    def enter(self, holder: int, name: bytes, inner: Sequence[bytes]) -> int | None:
        """Return a descriptor of what stands for a name in a directory, the caller's to close.

        Args:
            holder: descriptor of the directory.
            name: the name.
            inner: components of the path that is sought below.

        Returns:
            None where the name means itself.

        Raises:
            OSError: as :meth:`StandIn.open`.
        """
        if name not in NAMES:
            return None
        status = os.fstat(holder)
        stand_in = self._by_holder.get((status.st_dev, status.st_ino, name))
        if stand_in is None:
            return None
        descriptor = stand_in.open(inner)
        self.stands_for(os.fstat(descriptor), os.readlink(b"/proc/self/fd/%d" % descriptor), stand_in.path)
        return descriptor

    def stands_for(self, status: os.stat_result, directory: bytes, path: str) -> None:
        """Note that a directory stands for a place.

        Args:
            status: its status.
            directory: its path, as the kernel says it.
            path: that of the place.
        """
        if directory not in self._shown:
            self._holders[status.st_dev, status.st_ino] = os.path.dirname(path)
            self._shown[directory] = os.fsencode(path)

    def above(self, status: os.stat_result) -> str | None:
        """Return the directory above one that stands for a place; None for any other."""
        return self._holders.get((status.st_dev, status.st_ino))

    def holds(self, place: bytes) -> bool:
        """Tell whether a directory stands for such a place, or lies in one that the supervisor made.

        Args:
            place: a path that leads to it.

        Returns:
            True also where it cannot be told.
        """
        key = key_at(place)
        return key is None or key in self._holders or key in self._fixed

    def shown(self, path: bytes) -> bytes:
        """Return what the box calls a path that the kernel says, which may be one of a directory for another place."""
        for real, place in self._shown.items():
            if path == real or path.startswith(real + b"/"):
                return place + path[len(real) :]
        return path

    def fix(self, status: os.stat_result) -> None:
        """Note that something is as it is: no names come into it or go from it, and nobody labels it."""
        self._fixed.add((status.st_dev, status.st_ino))

    def is_fixed(self, status: os.stat_result) -> bool:
        """Tell whether something was noted to be as it is."""
        return bool(self._fixed) and (status.st_dev, status.st_ino) in self._fixed
