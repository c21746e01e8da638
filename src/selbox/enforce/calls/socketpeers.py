"""What a program is told about the peer of a unix socket: ``SO_PEERCRED``, ``SO_PEERPIDFD`` and ``SO_PEERSEC``.

Source: the kernel's ``sk_getsockopt`` and ``selinux_socket_getpeersec_stream``.
"""

import errno
import os
import struct

from selbox.enforce.answer import CONTINUE
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.connections import Connections, Peer, pidfd_of
from selbox.enforce.pidnumbers import told_to
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.parts.sockets import SO_PEERCRED, SO_PEERPIDFD, SO_PEERSEC, SOL_SCTP, SOL_SOCKET
from selbox.enforce.socketchecks import SocketChecks
from selbox.enforce.socketlabels import SocketLabel
from selbox.enforce.sockets import CallerSocket, copy_socket, own_name, peer_name, socket_option
from selbox.typing import Final

_CREDENTIALS = struct.Struct("=iII")
_INTEGER = struct.Struct("=i")
ANSWERED_OPTIONS: Final = frozenset({SO_PEERCRED, SO_PEERSEC, SO_PEERPIDFD})
"""The options that the supervisor may answer instead of the kernel."""

_WITH_PEERS: Final = frozenset({"unix_stream_socket", "tcp_socket", "sctp_socket"})
_SCTP_CONNECTX: Final = 111
"""``SCTP_SOCKOPT_CONNECTX3``, which connects to several addresses; libraries take its older siblings without it."""


class SocketPeerCalls:
    """``getsockopt`` for the options that name a peer."""

    def __init__(self, box: Box, checks: SocketChecks, connections: Connections) -> None:
        self._box = box
        self._checks = checks
        self._connections = connections
        self._pid = os.getpid()
        self._unlabeled = box.server.initial_sid("unlabeled")

    def getsockopt(self, caller: Caller, arguments: Arguments) -> int:
        """``getsockopt(socket, level, option, value, length)``."""
        level, option = signed(arguments[1]), signed(arguments[2])
        if level != SOL_SOCKET or option not in ANSWERED_OPTIONS:
            self._checks.check_number(caller, signed(arguments[0]), "getopt")
            return -errno.ENOPROTOOPT if (level, option) == (SOL_SCTP, _SCTP_CONNECTX) else CONTINUE
        own = copy_socket(self._box, caller, arguments[0])
        label = self._checks.check(caller, own, "getopt")
        if not own.is_unix and not (option == SO_PEERSEC and label.object_class in _WITH_PEERS):
            return CONTINUE
        length = _INTEGER.unpack(self._box.memory.read_exactly(caller.tid, arguments[4], _INTEGER.size))[0]
        if length < 0:
            return -errno.EINVAL
        if option == SO_PEERSEC:
            return self._context(caller, own, label, arguments, length)
        peer = self._client(own)
        if peer is None:
            return CONTINUE
        if option == SO_PEERCRED:
            value = _CREDENTIALS.pack(told_to(caller, peer.pid), peer.user, peer.group)
        elif option == SO_PEERPIDFD:
            value = _INTEGER.pack(self._give_pidfd(caller, peer))
        else:
            return CONTINUE
        self._give(caller, arguments[3], arguments[4], value[:length])
        return 0

    def _client(self, own: CallerSocket) -> Peer | None:
        """Return the peer of a connection that the supervisor made, or None where the kernel's own answer is true."""
        pid, user, group = _CREDENTIALS.unpack(socket_option(own.descriptor, SO_PEERCRED, _CREDENTIALS.size))
        if pid != self._pid:
            return None
        return self._connections.client(own.inode, own_name(own.descriptor), user, group)

    def _give(self, caller: Caller, address: int, length_address: int, value: bytes) -> None:
        self._box.memory.write(caller.tid, address, value)
        self._box.memory.write(caller.tid, length_address, _INTEGER.pack(len(value)))

    def _give_pidfd(self, caller: Caller, peer: Peer) -> int:
        if not peer.pid:
            raise OSError(errno.ENODATA, os.strerror(errno.ENODATA))
        pidfd = pidfd_of(peer)
        if pidfd < 0:
            raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))
        self._box.descriptors.add(pidfd)
        return self._box.listener.add_descriptor(caller.id, pidfd, os.O_CLOEXEC)

    # --- SO_PEERSEC -------------------------------------------------------------------------------------------------

    def _context(self, caller: Caller, own: CallerSocket, label: SocketLabel, arguments: Arguments, length: int) -> int:
        _, _, _, address, length_address, _ = arguments
        sid = self.peer_sid(own) if label.object_class in _WITH_PEERS else 0
        if not sid:
            return -errno.ENOPROTOOPT
        text = os.fsencode(self._box.server.sid_to_context(sid)) + b"\0"
        if len(text) > length:
            self._box.memory.write(caller.tid, length_address, _INTEGER.pack(len(text)))
            return -errno.ERANGE
        self._give(caller, address, length_address, text)
        return 0

    def peer_sid(self, own: CallerSocket) -> int:
        """Return the SID of the other end; 0 when it is not known."""
        try:
            peer_name(own.descriptor)
        except OSError:
            return self._unlabeled  # not connected
        if not own.is_unix:
            return 0  # the kernel knows it where labelled networking is set up
        server = self._connections.server_sid(own.inode)
        if server is not None:
            return server
        client = self._client(own)
        if client is not None:
            return client.sid
        label = self._box.socket_labels.known(self._connections.peer_inode(own.inode))
        if label is not None:
            return label.sid
        pid, _, _ = _CREDENTIALS.unpack(socket_option(own.descriptor, SO_PEERCRED, _CREDENTIALS.size))
        return self._box.labels.task_sid(pid)
