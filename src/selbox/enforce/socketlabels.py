"""Labels of sockets, by inode number, which the kernel gives to another socket only after four billion.

INVARIANT: a socket without a label here has the one that a task which holds it would give to a new one. So whoever
hands a socket to another domain (exec, a change of domain, a message that passes descriptors) gives it a label first.
"""

import os
import socket
import stat
from collections import OrderedDict
from collections.abc import Container, Iterable
from functools import cache
from threading import get_ident

from selbox.enforce.heldinodes import held_inodes
from selbox.enforce.tasks import TaskTable
from selbox.typing import Final, NamedTuple, TypeVar

_KEPT: Final = 1 << 18
_CACHED: Final = 1 << 14

_T = TypeVar("_T")


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
    """Labels that sockets were given, and those that follow from who holds them.

    Args:
        tasks: those of the box. What one of them has open keeps what is known of it, however many others come and go.
    """

    def __init__(self, tasks: TaskTable) -> None:
        self._tasks = tasks
        self._thread = get_ident()
        self._given: dict[int, SocketLabel] = {}
        self._shared: dict[int, None] = {}
        self._listening: dict[int, None] = {}
        self._prune_at = _KEPT
        self._sent: OrderedDict[int, None] = OrderedDict()
        self._derived: OrderedDict[int, SocketLabel] = OrderedDict()
        self._kinds: OrderedDict[int, SocketKind] = OrderedDict()

    def known(self, inode: int) -> SocketLabel | None:
        """Return the label of a socket that was seen before, or None."""
        return self._given.get(inode) or self._derived.get(inode)

    def assign(self, inode: int, label: SocketLabel) -> None:
        """Give a socket a label that does not follow from who holds it."""
        self._note(self._given, inode, label)

    def is_given(self, inode: int) -> bool:
        """Tell whether a socket was given a label, as every one is whose passing to another task is seen."""
        return inode in self._given

    def derive(self, inode: int, label: SocketLabel) -> None:
        """Remember a label that would be found again if it were forgotten."""
        self._derived[inode] = label
        if len(self._derived) > _CACHED:
            self._derived.popitem(last=False)

    def note_shared(self, inode: int) -> None:
        """Remember that a socket came into the hands of another domain than its own."""
        self._note(self._shared, inode, None)

    def is_shared(self, inode: int) -> bool:
        """Tell whether another domain than its own may have a socket."""
        return inode in self._shared

    def note_listening(self, inode: int) -> None:
        """Remember that a socket listens, or is about to."""
        self._note(self._listening, inode, None)

    def listens(self, inode: int) -> bool:
        """Tell whether a socket was noted to listen."""
        return inode in self._listening

    def note_sent(self, inode: int) -> None:
        """Remember that a socket is on its way in a message, so that perhaps no task has it open for a while."""
        self._sent[inode] = None
        if len(self._sent) > _KEPT:
            self._sent.popitem(last=False)

    def _note(self, noted: dict[int, _T], inode: int, what: _T) -> None:
        noted[inode] = what
        if len(noted) >= self._prune_at and get_ident() == self._thread:
            self._prune()

    def _prune(self) -> None:
        """Forget the sockets that nobody has open any more."""
        given, shared, listening = (list(each) for each in (self._given, self._shared, self._listening))
        held = held_inodes(self._tasks)
        if held is not None:
            kept = {inode for device, inode in held if device == _device()} | self._sent.keys()
            _forget(self._given, given, kept)
            _forget(self._shared, shared, kept)
            _forget(self._listening, listening, kept)
        self._prune_at = max(_KEPT, 2 * max(len(self._given), len(self._shared), len(self._listening)))

    def kind(self, inode: int) -> SocketKind | None:
        """Return what a socket is that was looked at before, or None."""
        return self._kinds.get(inode)

    def note_kind(self, inode: int, kind: SocketKind) -> None:
        """Remember what a socket is, which never changes."""
        self._kinds[inode] = kind
        if len(self._kinds) > _CACHED:
            self._kinds.popitem(last=False)


def _forget(noted: dict[int, _T], inodes: Iterable[int], kept: Container[int]) -> None:
    for inode in inodes:
        if inode not in kept:
            del noted[inode]
