"""Internet sockets: the ports and nodes of an address, and connecting to one.

Source: the kernel's ``selinux_socket_bind`` and ``selinux_socket_connect_helper``.
"""

import errno
import os
import socket

from selbox.enforce.answer import ANSWERED
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller, identity_of
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.credentials import Identity, acting_as
from selbox.enforce.socketlabels import SocketLabel
from selbox.enforce.sockets import (
    CallerSocket,
    InternetAddress,
    connect,
    describe_internet,
    internet_address,
    not_blocking,
    status_flags,
)
from selbox.objects.socketclasses import PROTOCOLS
from selbox.typing import Final

_INTERNET: Final = frozenset({socket.AF_INET, socket.AF_INET6})
_FAMILY_SIZE: Final = 2
_SIZE: Final = 16
_SIZE6: Final = 24
_NAMED_CLASSES: Final = frozenset({"tcp_socket", "dccp_socket", "sctp_socket"})
_LOCAL_RANGE: Final = "/proc/sys/net/ipv4/ip_local_port_range"
_FIRST_UNPRIVILEGED: Final = "/proc/sys/net/ipv4/ip_unprivileged_port_start"


class InternetSockets:
    """What TCP, UDP, DCCP, SCTP and raw sockets are asked beyond other sockets."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._capabilities = Capabilities(box)
        self._ports: dict[tuple[int, int], int] = {}

    def check_bind(self, caller: Caller, own: CallerSocket, label: SocketLabel, address: bytes) -> None:
        """Check ``name_bind`` on the port and ``node_bind`` on the node of an address.

        Raises:
            AccessDenied: when policy denies it.
            OSError: EINVAL and EAFNOSUPPORT, which the kernel gives before it asks.
        """
        found = _address_to_bind(own, label, address)
        port = InternetAddress(bytes(len(found.host)), found.port)
        if found.port and not _is_for_everybody(found.port):
            target = self._port_sid(own.protocol, found.port)
            self._ask(caller, label, target, "name_bind", describe_internet(port, "saddr", "src"))
        target = self._box.server.node_sid(found.host)
        self._ask(caller, label, target, "node_bind", describe_internet(found, "saddr", "src"))
        if 0 < found.port < _first_for_everybody() and not self._capabilities.may_use_if_held(
            caller, "net_bind_service"
        ):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    def check_connect(self, caller: Caller, own: CallerSocket, label: SocketLabel, address: bytes) -> None:
        """Check ``name_connect`` on the port of an address, for sockets that have connections.

        Raises:
            AccessDenied: when policy denies it.
            OSError: as :meth:`check_bind`.
        """
        if len(address) < _FAMILY_SIZE:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        family = int.from_bytes(address[:_FAMILY_SIZE], "little")
        if family == socket.AF_UNSPEC or label.object_class not in _NAMED_CLASSES:
            return
        if family not in _INTERNET:
            raise _unsupported(label)
        found = internet_address(address)
        if found is None:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        said = describe_internet(InternetAddress(bytes(len(found.host)), found.port), "daddr", "dest")
        self._ask(caller, label, self._port_sid(own.protocol, found.port), "name_connect", said)

    def _ask(self, caller: Caller, label: SocketLabel, target: int, permission: str, said: dict[str, object]) -> None:
        self._box.monitor.check(caller, target, label.object_class, (permission,), lambda: said, source=label.sid)

    def _port_sid(self, protocol: int, port: int) -> int:
        sid = self._ports.get((protocol, port))
        if sid is None:
            sid = self._box.server.port_sid(PROTOCOLS.get(protocol, ""), port)
            self._ports[protocol, port] = sid
        return sid

    def connect_and_wait(self, caller: Caller, own: CallerSocket, address: bytes) -> int:
        """Connect a socket that waits until it is connected."""
        identity = identity_of(caller)
        if own.family in _INTERNET and _connect_promptly(own, address, identity):
            return 0
        self._box.descriptors.keep(own.descriptor)

        def operation() -> None:
            try:
                with acting_as(identity):
                    connect(own.descriptor, address)
            finally:
                os.close(own.descriptor)
            self._box.listener.give_result(caller.id, 0)

        self._box.workers.start(caller, operation)
        return ANSWERED


def _connect_promptly(own: CallerSocket, address: bytes, identity: Identity | None) -> bool:
    """Connect without waiting, which is enough within one machine; tell whether it is done."""
    flags = status_flags(own.descriptor)
    for _ in range(2):  # the second call says what became of the first
        try:
            with acting_as(identity), not_blocking(own.descriptor, flags):
                connect(own.descriptor, address)
        except BlockingIOError as error:  # EINPROGRESS and EALREADY
            if error.errno == errno.EAGAIN:
                raise
        else:
            return True
    return False


def _address_to_bind(own: CallerSocket, label: SocketLabel, address: bytes) -> InternetAddress:
    """Return what a socket is to be bound to, in the kernel's order of refusals."""
    if len(address) < _FAMILY_SIZE:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    family = int.from_bytes(address[:_FAMILY_SIZE], "little")
    if family == socket.AF_UNSPEC and len(address) >= (_SIZE6 if own.family == socket.AF_INET6 else _SIZE):
        # Old programs leave the family out when they bind to any address.
        if own.family == socket.AF_INET6 or any(address[4:8]):
            raise _unsupported(label)
        address = socket.AF_INET.to_bytes(_FAMILY_SIZE, "little") + address[_FAMILY_SIZE:]
    elif family not in (*_INTERNET, socket.AF_UNSPEC):
        raise _unsupported(label)
    found = internet_address(address)
    if found is None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    return found


def _unsupported(label: SocketLabel) -> OSError:
    number = errno.EINVAL if label.object_class == "sctp_socket" else errno.EAFNOSUPPORT
    return OSError(number, os.strerror(number))


def _is_for_everybody(port: int) -> bool:
    """Tell whether a port is one of those that sockets without a name are given (kernel: ``selinux_socket_bind``)."""
    with open(_LOCAL_RANGE, encoding="ascii") as numbers:
        low, high = map(int, numbers.read().split())
    return max(low, _first_for_everybody()) <= port <= high


def _first_for_everybody() -> int:
    """Return the lowest port that needs no capability."""
    with open(_FIRST_UNPRIVILEGED, encoding="ascii") as first:
        return int(first.read())
