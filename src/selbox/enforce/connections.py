"""Who made a connection of unix sockets.

The supervisor connects in its callers' stead, so the kernel takes it for the peer. What a server is told about its
peer comes from here; user and group it would learn from the kernel too, since a connection is made with the caller's.
"""

import os
from collections import OrderedDict
from collections.abc import Callable

from selbox.enforce.caller import Caller
from selbox.enforce.credentials import Identity
from selbox.enforce.tasks import start_of_process, thread_group
from selbox.enforce.unixdiag import UnixDiagnosis
from selbox.typing import Final, NamedTuple

_KEPT: Final = 16384
_DISTINCT: Final = 64


class Peer(NamedTuple):
    """A task that connected.

    Attributes:
        pid: its process id; 0 when it is not known.
        started: when that process was started, in the kernel's ticks: who has the same pid later is another one.
        user: effective user id; group: effective group id.
        sid: SID of its socket; 0 when it is not known.
    """

    pid: int
    started: int
    user: int
    group: int
    sid: int


class Connections:
    """Remembers who connected where."""

    def __init__(self, diagnosis: UnixDiagnosis) -> None:
        self._diagnosis = diagnosis
        self._clients: OrderedDict[int, tuple[Peer, int]] = OrderedDict()
        self._callers: OrderedDict[bytes, set[Peer] | None] = OrderedDict()
        self._has_dropped = False
        """Whether some names were too many to be kept: who else called by one that is new here is not known then."""

    def made(self, inode: int, peer: Peer, server: int, name: bytes) -> None:
        """Note a connection, before it is made: its server may ask at once.

        Args:
            inode: of the connecting socket.
            peer: who connects.
            server: SID of the server's end.
            name: what the server's socket is bound to.
        """
        self._clients[inode] = peer, server
        if len(self._clients) > _KEPT:
            self._clients.popitem(last=False)
        callers = self._callers.setdefault(name, None if self._has_dropped else set())
        if callers is not None:
            callers.add(peer)
            if len(callers) > _DISTINCT:
                self._callers[name] = None
        if len(self._callers) > _KEPT:
            self._callers.popitem(last=False)
            self._has_dropped = True

    def server_sid(self, inode: int) -> int | None:
        """Return the SID of the server's end of a socket that connected; None for one that did not."""
        made = self._clients.get(inode)
        return None if made is None else made[1]

    def peer_inode(self, inode: int) -> int:
        """Return the inode number of a socket's peer, or 0."""
        found = self._diagnosis.find(inode)
        return found.peer if found is not None else 0

    def client(self, inode: int, name: bytes, user: int, group: int) -> Peer:
        """Return who is at the other end of a connection that the supervisor made.

        When the client has closed its end already, the kernel cannot tell which one it was. Then it is told as far
        as all that connected to this server agree.

        Args:
            inode: of the server's end.
            name: what the server's socket is bound to.
            user: the client's user, as the kernel knows it.
            group: likewise its group.
        """
        other = self.peer_inode(inode)
        made = self._clients.get(other)
        if made is not None:
            return made[0]
        if other:
            return Peer(0, 0, user, group, 0)  # it is there, and was noted too long ago
        callers = self._callers.get(name) or set()
        if len(callers) == 1:
            return next(iter(callers))
        sids = {each.sid for each in callers}
        return Peer(0, 0, user, group, sids.pop() if len(sids) == 1 else 0)


def peer_of(caller: Caller, identity: Identity | None, sid: int, started: Callable[[int], int]) -> Peer:
    """Return a caller as the peer of its socket.

    Args:
        caller: the task.
        identity: who it is, where that is not the supervisor's own identity.
        sid: its socket's SID.
        started: tells when a process was started.
    """
    pid = thread_group(caller.tid) if identity is None else identity.pid
    user, group = (os.geteuid(), os.getegid()) if identity is None else (identity.user, identity.group)
    return Peer(pid, started(pid), user, group, sid)


def pidfd_of(peer: Peer) -> int:
    """Return a pidfd of a peer's process, or -1 when that is gone."""
    if not peer.pid:
        return -1
    try:
        pidfd = os.pidfd_open(peer.pid)
    except ProcessLookupError:
        return -1
    if start_of_process(peer.pid) == peer.started:
        return pidfd
    os.close(pidfd)
    return -1
