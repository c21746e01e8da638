"""Who is reached under the names of unix sockets: files and abstract names, each with the label of what bound it."""

import errno
import os
import socket
from threading import Lock

from selbox.enforce.socketlabels import SocketLabels
from selbox.enforce.sockets import connect
from selbox.enforce.unixdiag import UnixDiagnosis, UnixSocket
from selbox.typing import Final, NamedTuple

_KEPT: Final = 256


class _BoundFile(NamedTuple):
    """A socket file that a socket of the box was bound to.

    Attributes:
        descriptor: ``O_PATH``. INVARIANT: while it is open, no other file gets the inode number.
        sid: the socket's SID.
    """

    descriptor: int
    sid: int


class _BoundName(NamedTuple):
    """A socket of the box that was bound to an abstract name.

    Attributes:
        sid: its SID.
        is_near: whether it is in the supervisor's own network namespace, so that the kernel tells when it is gone.
    """

    sid: int
    is_near: bool


class UnixNames:
    """Names of the box's unix sockets.

    Args:
        diagnosis: tells who has a name now.
        labels: of sockets that were seen without being bound by a call of their own.
        outside: SID of sockets that are not the box's.

    Attributes:
        lock: held while an abstract name is bound, or connected to by another thread than the supervisor's first.
    """

    def __init__(self, diagnosis: UnixDiagnosis, labels: SocketLabels, outside: int) -> None:
        self._diagnosis = diagnosis
        self._labels = labels
        self._outside = outside
        self._files: dict[tuple[int, int], _BoundFile] = {}
        self._prune_at = _KEPT
        self._prune_names_at = _KEPT
        self._names: dict[bytes, dict[int, _BoundName]] = {}
        self.lock = Lock()

    def bound_to_file(self, descriptor: int, sid: int) -> None:
        """Note that a socket was bound to a file.

        Args:
            descriptor: ``O_PATH`` descriptor of the file, which now belongs here.
            sid: the socket's SID.
        """
        status = os.fstat(descriptor)
        old = self._files.pop((status.st_dev, status.st_ino), None)
        if old is not None:
            os.close(old.descriptor)
        if len(self._files) >= self._prune_at:
            self._prune_files()
        self._files[status.st_dev, status.st_ino] = _BoundFile(descriptor, sid)

    def _prune_files(self) -> None:
        """Forget files that have no name any more."""
        for key, file in list(self._files.items()):
            if os.fstat(file.descriptor).st_nlink == 0:
                os.close(file.descriptor)
                del self._files[key]
        self._prune_at = max(_KEPT, 2 * len(self._files))

    def file_sid(self, status: os.stat_result) -> int | None:
        """Return the SID of the socket that is bound to a file, or None when the box did not bind it."""
        file = self._files.get((status.st_dev, status.st_ino))
        return None if file is None else file.sid

    def bound_to_name(self, name: bytes, inode: int, sid: int) -> None:
        """Note that a socket was bound to an abstract name."""
        sockets = self._diagnosis.all() or []
        if len(self._names) >= self._prune_names_at:
            self._prune_names({each.inode for each in sockets})
        is_near = any(each.inode == inode for each in sockets)
        self._names.setdefault(name, {})[inode] = _BoundName(sid, is_near)

    def _prune_names(self, alive: set[int]) -> None:
        """Forget names of sockets that are gone, as far as the kernel tells."""
        for name, holders in list(self._names.items()):
            left = {each: holder for each, holder in holders.items() if not holder.is_near or each in alive}
            if alive:
                self._names[name] = left
            if not self._names[name]:
                del self._names[name]
        self._prune_names_at = max(_KEPT, 2 * len(self._names))

    def name_sids(self, name: bytes, type_: int) -> frozenset[int]:
        """Return the SIDs of the sockets that may be reached by an abstract name; none when nobody is.

        Network namespaces have names of their own, and which one a socket is in is not always to be told. So there
        may be several, and all of them must be reachable.

        Args:
            name: with its leading NUL.
            type_: type of the connecting socket; each type has names of its own.
        """
        holders = self._names.get(name, {})
        sockets = self._diagnosis.all()
        if sockets is None:
            return frozenset(holder.sid for holder in holders.values()) or frozenset((self._outside,))
        sids = {holder.sid for holder in holders.values() if not holder.is_near}
        for each in sockets:
            if each.name == name and each.type == type_ and _can_be_reached(each):
                holder, label = holders.get(each.inode), self._labels.known(each.inode)
                sids.add(holder.sid if holder else label.sid if label else self._outside)
        return frozenset(sids)

    def refusal(self, inode: int, name: bytes, address: bytes, type_: int) -> int:
        """Return the errno with which the kernel refuses a connection before it asks policy; 0 when it does not.

        Args:
            inode: inode number of the socket file; 0 for an abstract name.
            name: path or abstract name.
            address: by which the supervisor reaches it.
            type_: type of the connecting socket.
        """
        sockets = self._diagnosis.all()
        if sockets is None:
            return 0
        if inode:
            # Names of paths may be relative, and so be those of other sockets elsewhere.
            found = [each for each in sockets if each.file == inode & 0xFFFFFFFF]
            if not found:
                return _refusal_elsewhere(address, type_)
            if all(each.type != type_ for each in found):
                return errno.EPROTOTYPE
        else:
            found = [each for each in sockets if each.name == name and each.type == type_]
        return 0 if any(each.type == type_ and _can_be_reached(each) for each in found) else errno.ECONNREFUSED


def _refusal_elsewhere(address: bytes, type_: int) -> int:
    """Return what :meth:`UnixNames.refusal` does of a socket file whose socket is of another network, or is gone.

    Files reach over networks, of which containers and services have their own; the kernel tells of sockets of one's own
    alone. To connect a socket for datagrams is noticed by nobody.

    Source: the kernel's ``unix_find_bsd``.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as probe:
        try:
            connect(probe.fileno(), address)
        except OSError as error:
            if error.errno == errno.EPROTOTYPE and type_ != socket.SOCK_DGRAM:
                return 0
            return error.errno if error.errno in (errno.EPROTOTYPE, errno.ECONNREFUSED) else 0
    return 0 if type_ == socket.SOCK_DGRAM else errno.EPROTOTYPE


def _can_be_reached(found: UnixSocket) -> bool:
    """Tell a server from the ends of its connections, which the kernel shows under its name too."""
    return found.is_listening or found.type == socket.SOCK_DGRAM
