"""Labels of sockets, by inode number, which the kernel gives to another socket only after four billion.

INVARIANT: a socket without a label here has the one that a task which holds it would give to a new one. So whoever
hands a socket to another domain (exec, a change of domain, a message that passes descriptors) gives it a label first.
"""

import os
import socket
import stat
from collections import OrderedDict
from functools import cache

from selbox.typing import Final, NamedTuple

_KEPT: Final = 1 << 18
_CACHED: Final = 1 << 14


@cache
def _device() -> int:
    with socket.socket(socket.AF_UNIX) as any_socket:
        return os.fstat(any_socket.fileno()).st_dev


def is_socket(status: os.stat_result) -> bool:
    """Tell whether a status is that of a socket, and not of the file by which one is met in a directory.

    Sockets are all in one file system of the kernel's (``sockfs``), while a socket's file is in any, in an overlay
    even in one whose device number nothing is mounted with.
    """
    return stat.S_ISSOCK(status.st_mode) and status.st_dev == _device()


class SocketLabel(NamedTuple):
    """The label of a socket.

    Attributes:
        sid: its SID.
        object_class: name of its class.
    """

    sid: int
    object_class: str


class SocketKind(NamedTuple):
    """What a socket is.

    Attributes:
        family: ``AF_UNIX`` and the like.
        type: ``SOCK_STREAM`` and the like.
        protocol: of its family.
    """

    family: int
    type: int
    protocol: int


class SocketLabels:
    """Labels that sockets were given, and those that follow from who holds them."""

    def __init__(self) -> None:
        self._given: OrderedDict[int, SocketLabel] = OrderedDict()
        self._derived: OrderedDict[int, SocketLabel] = OrderedDict()
        self._kinds: OrderedDict[int, SocketKind] = OrderedDict()
        self._shared: OrderedDict[int, None] = OrderedDict()
        self._listening: OrderedDict[int, None] = OrderedDict()

    def known(self, inode: int) -> SocketLabel | None:
        """Return the label of a socket that was seen before, or None."""
        return self._given.get(inode) or self._derived.get(inode)

    def assign(self, inode: int, label: SocketLabel) -> None:
        """Give a socket a label that does not follow from who holds it; the last 262,144 are kept."""
        self._given[inode] = label
        if len(self._given) > _KEPT:
            self._given.popitem(last=False)

    def derive(self, inode: int, label: SocketLabel) -> None:
        """Remember a label that would be found again if it were forgotten."""
        self._derived[inode] = label
        if len(self._derived) > _CACHED:
            self._derived.popitem(last=False)

    def note_shared(self, inode: int) -> None:
        """Remember that a socket came into the hands of another domain than its own."""
        self._note(self._shared, inode)

    def is_shared(self, inode: int) -> bool:
        """Tell whether another domain than its own may have a socket."""
        return inode in self._shared

    def note_listening(self, inode: int) -> None:
        """Remember that a socket listens, or is about to."""
        self._note(self._listening, inode)

    def listens(self, inode: int) -> bool:
        """Tell whether a socket was noted to listen."""
        return inode in self._listening

    def _note(self, noted: OrderedDict[int, None], inode: int) -> None:
        noted[inode] = None
        if len(noted) > _KEPT:
            noted.popitem(last=False)

    def kind(self, inode: int) -> SocketKind | None:
        """Return what a socket is that was looked at before, or None."""
        return self._kinds.get(inode)

    def note_kind(self, inode: int, kind: SocketKind) -> None:
        """Remember what a socket is, which never changes."""
        self._kinds[inode] = kind
        if len(self._kinds) > _CACHED:
            self._kinds.popitem(last=False)
