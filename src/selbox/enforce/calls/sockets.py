"""Sockets of every family: making, naming, connecting them, and taking connections.

An address lies in the caller's memory, where another thread may change it. So the supervisor binds and connects
itself, on a copy of the caller's descriptor and with its own copy of the address.

Source: the kernel's ``net/socket.c`` and ``selinux_socket_*``.
"""

import ctypes
import errno
import os
import socket
import struct
from contextlib import suppress

from selbox.enforce.answer import ANSWERED, CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller, identity_of
from selbox.enforce.callerfiles import target_open
from selbox.enforce.calls.internetsockets import InternetSockets
from selbox.enforce.calls.kernelsockets import PROTOCOLS, KernelSockets
from selbox.enforce.calls.receivedmessages import ReceivedMessages
from selbox.enforce.calls.sentmessages import SentMessages
from selbox.enforce.calls.shortcuts import Shortcut
from selbox.enforce.calls.socketpeers import SocketPeerCalls
from selbox.enforce.calls.socketshortcuts import SocketShortcuts
from selbox.enforce.calls.unixsockets import UnixSockets
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.connections import Connections, peer_of
from selbox.enforce.credentials import acting_as, own_capabilities
from selbox.enforce.linux import system_call
from selbox.enforce.needlessnewsockets import SPARED_ACCEPT
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.parts.sockets import (
    SO_MARK,
    SO_RCVBUFFORCE,
    SO_SNDBUFFORCE,
    SO_ZEROCOPY,
    SOL_NETLINK,
    SOL_SCTP,
    SOL_SOCKET,
)
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.socketchecks import SocketChecks
from selbox.enforce.socketlabels import SocketLabel
from selbox.enforce.sockets import CallerSocket, accept, bind, bind_netlink, connect, copy_socket, is_blocking
from selbox.enforce.tasks import start_of_process
from selbox.enforce.unixdiag import UnixDiagnosis
from selbox.typing import Final

_TYPE_MASK: Final = 0xF
_FLAGS: Final = socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
_FAMILIES: Final = 46
_TYPES: Final = 11
_SOCK_PACKET: Final = 10
_LARGEST_ADDRESS: Final = 128
_CONNECTED: Final = frozenset({socket.SOCK_STREAM, socket.SOCK_SEQPACKET})
_INTERNET: Final = frozenset({socket.AF_INET, socket.AF_INET6})
_NETLINK_ADDRESS = struct.Struct("=HHII")
_PAIR = struct.Struct("=ii")
_LENGTH = struct.Struct("=i")
_SCTP_ADDRESSES: Final = frozenset({5, 6, 100, 107, 110})
"""``SCTP_SET_PEER_PRIMARY_ADDR``, ``SCTP_PRIMARY_ADDR``, ``SCTP_SOCKOPT_BINDX_ADD`` and those of ``sctp_connectx``."""

_ADD_MEMBERSHIP: Final = 1

_ENOTSUPP: Final = 524
"""What the kernel says of sockets that cannot send without copying; C libraries have no name for it."""


class SocketCalls:
    """``socket``, ``bind``, ``listen``, ``connect``, ``accept`` and what tells about peers."""

    def __init__(self, box: Box) -> None:
        self._box = box
        diagnosis = UnixDiagnosis()
        self._capabilities = Capabilities(box)
        self._checks = SocketChecks(box)
        self._connections = Connections(diagnosis)
        self._unix = UnixSockets(box, diagnosis, self._connections)
        self._internet = InternetSockets(box)
        self._peers = SocketPeerCalls(box, self._checks, self._connections)
        self._kernel = KernelSockets(box, self._capabilities)
        self._sent = SentMessages(box, self._checks, self._unix, self._internet, self._kernel)
        self._received = ReceivedMessages(box, self._checks, self._peers, self._kernel)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls."""
        return {
            "socket": self.socket,
            "socketpair": self.socketpair,
            "bind": self.bind,
            "listen": self.listen,
            "connect": self.connect,
            "accept": self.accept,
            "accept4": self.accept4,
            "getsockname": self.getsockname,
            "getpeername": self.look_at,
            "shutdown": self.shutdown,
            "getsockopt": self._peers.getsockopt,
            "setsockopt": self.setsockopt,
            **self._sent.handlers(),
            **self._received.handlers(),
        }

    def shortcuts(self) -> dict[int, Shortcut]:
        """Return what answers some of them sooner, by the number of the call."""
        return SocketShortcuts(self._box, self._checks, self._kernel).by_number()

    # --- Making -----------------------------------------------------------------------------------------------------

    def socket(self, caller: Caller, arguments: Arguments) -> int:
        """``socket(family, type, protocol)``."""
        label = self._check_new(caller, arguments)
        if label is not None and _is_of_kernel(arguments):
            return self._kernel.make(caller, label, arguments)
        if label is None or not caller.state.next_labels.socket_create_sid:
            return CONTINUE
        # What was asked for may be another by the time that the socket is first seen.
        made = self._box.descriptors.add(self._make(caller, "socket", arguments))
        self._box.socket_labels.assign(os.fstat(made).st_ino, label)
        self._box.listener.give_descriptor(caller.id, made, arguments[1] & os.O_CLOEXEC)
        return ANSWERED

    def socketpair(self, caller: Caller, arguments: Arguments) -> int:
        """``socketpair(family, type, protocol, pair)``."""
        label = self._check_new(caller, arguments)
        if label is None or not caller.state.next_labels.socket_create_sid:
            return CONTINUE
        box = self._box
        box.memory.write(caller.tid, arguments[3], bytes(_PAIR.size))
        numbers = ctypes.create_string_buffer(_PAIR.size)
        self._make(caller, "socketpair", arguments, numbers)
        made = [box.descriptors.add(each) for each in _PAIR.unpack(numbers.raw)]
        peer = peer_of(caller, identity_of(caller), label.sid, start_of_process)
        for each in made:
            inode = os.fstat(each).st_ino
            box.socket_labels.assign(inode, label)
            self._connections.made(inode, peer, label.sid, b"")
        flags = arguments[1] & os.O_CLOEXEC
        given = [box.listener.add_descriptor(caller.id, each, flags) for each in made]
        box.memory.write(caller.tid, arguments[3], _PAIR.pack(*given))
        return 0

    def _check_new(self, caller: Caller, arguments: Arguments) -> SocketLabel | None:
        """Check that a caller may make a socket; return its label, or None where the kernel knows none such.

        Source: the kernel's ``selinux_socket_create``; what is refused before is in ``__sock_create``.
        """
        family, type_, protocol = map(signed, arguments[:3])
        kind = type_ & _TYPE_MASK
        if not 0 <= family < _FAMILIES or kind >= _TYPES or type_ & ~_TYPE_MASK & ~_FLAGS:
            return None
        if family == socket.AF_INET and kind == _SOCK_PACKET:
            family = socket.AF_PACKET
        label = self._checks.new(caller, self._checks.class_of(family, kind, protocol))
        self._box.monitor.check(caller, label.sid, label.object_class, ("create",), dict)
        is_raw = family == socket.AF_PACKET or (family in _INTERNET and kind == socket.SOCK_RAW)
        if is_raw and not self._capabilities.may_use_if_held(caller, "net_raw"):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        return label

    def _make(self, caller: Caller, call: str, arguments: Arguments, *more: "ctypes.Array[ctypes.c_char]") -> int:
        """Make a socket, or a pair, as the caller.

        Raises:
            OSError: EPERM for a caller in a network of its own, where the supervisor cannot make one.
        """
        if caller.state.root_changed and _network_of(str(caller.tid)) != _network_of("self"):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        numbers = (arguments[0] & 0xFFFFFFFF, arguments[1] & 0xFFFFFFFF | os.O_CLOEXEC, signed(arguments[2]))
        with acting_as(identity_of(caller)):
            return system_call(NUMBERS[call], *numbers, *more)

    # --- Taking connections -----------------------------------------------------------------------------------------

    def listen(self, caller: Caller, arguments: Arguments) -> int:
        """``listen(socket, backlog)``; made by the caller itself, whose identity its clients will see."""
        self._checks.check_number(caller, signed(arguments[0]), "listen")
        if SPARED_ACCEPT in self._box.settings.spared:
            self._checks.check_listening(self._box.walker.status_of(caller, arguments[0]).st_ino)
        return CONTINUE

    def accept(self, caller: Caller, arguments: Arguments) -> int:
        """``accept(socket, …)``."""
        return self._accept(caller, arguments, 0)

    def accept4(self, caller: Caller, arguments: Arguments) -> int:
        """``accept4(socket, address, length, flags)``."""
        return self._accept(caller, arguments, arguments[3] & 0xFFFFFFFF)

    def _accept(self, caller: Caller, arguments: Arguments, flags: int) -> int:
        if flags & ~_FLAGS:
            target_open(self._box, caller, arguments[0])
            return -errno.EINVAL
        label = self._checks.check_number(caller, signed(arguments[0]), "accept")
        if label == self._checks.derived(caller.state.sid, label.object_class):
            return CONTINUE  # what is made has the label that it would be taken to have anyway
        own = copy_socket(self._box, caller, arguments[0])
        room = -1
        if arguments[1]:
            room = _LENGTH.unpack(self._box.memory.read_exactly(caller.tid, arguments[2], _LENGTH.size))[0]
            if room < 0:
                return -errno.EINVAL
        if not is_blocking(own.descriptor):
            self._give_accepted(caller, own, label, arguments, room, flags)
            return ANSWERED
        kept = self._box.descriptors.keep(own.descriptor)

        def operation() -> None:
            try:
                self._give_accepted(caller, own, label, arguments, room, flags)
            finally:
                os.close(kept)

        self._box.workers.start(caller, operation)
        return ANSWERED

    def _give_accepted(
        self, caller: Caller, own: CallerSocket, label: SocketLabel, arguments: Arguments, room: int, flags: int
    ) -> None:
        """Accept in the caller's stead, for the new socket has its listener's label and not the caller's."""
        box = self._box
        made, address = accept(own.descriptor, flags & socket.SOCK_NONBLOCK)
        try:
            box.socket_labels.assign(os.fstat(made).st_ino, label)
            if room >= 0:
                box.memory.write(caller.tid, arguments[1], address[:room])
                box.memory.write(caller.tid, arguments[2], _LENGTH.pack(len(address)))
            box.listener.give_descriptor(caller.id, made, flags & os.O_CLOEXEC)
        finally:
            os.close(made)

    # --- Addresses and options --------------------------------------------------------------------------------------

    def getsockname(self, caller: Caller, arguments: Arguments) -> int:
        """``getsockname(socket, address, length)``."""
        inode = self._of_kernel(caller, arguments[0])
        if inode is None:
            return self.look_at(caller, arguments)
        self._checks.check_number(caller, signed(arguments[0]), "getattr")
        memory = self._box.memory
        room = _LENGTH.unpack(memory.read_exactly(caller.tid, arguments[2], _LENGTH.size))[0]
        if room < 0:
            return -errno.EINVAL
        address = self._kernel.address(caller, inode)
        memory.write(caller.tid, arguments[1], address[:room])
        memory.write(caller.tid, arguments[2], _LENGTH.pack(len(address)))
        return 0

    def look_at(self, caller: Caller, arguments: Arguments) -> int:
        """``getpeername(socket, …)``, and ``getsockname`` of ordinary sockets."""
        self._checks.check_number(caller, signed(arguments[0]), "getattr")
        return CONTINUE

    def shutdown(self, caller: Caller, arguments: Arguments) -> int:
        """``shutdown(socket, how)``."""
        self._checks.check_number(caller, signed(arguments[0]), "shutdown")
        return CONTINUE

    def setsockopt(self, caller: Caller, arguments: Arguments) -> int:
        """``setsockopt(socket, level, option, value, length)``."""
        self._checks.check_number(caller, signed(arguments[0]), "setopt")
        level, option = signed(arguments[1]), signed(arguments[2])
        if level == SOL_SCTP and option in _SCTP_ADDRESSES:
            return -errno.EPERM  # each address would have to be asked about, as by bind and connect
        if (level, option) == (SOL_NETLINK, _ADD_MEMBERSHIP):
            inode = self._of_kernel(caller, arguments[0])
            if inode is not None:
                group = _LENGTH.unpack(self._box.memory.read_exactly(caller.tid, arguments[3], _LENGTH.size))[0]
                return self._kernel.join(inode, group)
        return self._set_ordinary(caller, option) if level == SOL_SOCKET else CONTINUE

    def _set_ordinary(self, caller: Caller, option: int) -> int:
        """Answer for an option of any socket (kernel: ``sk_setsockopt``)."""
        capabilities = Capabilities(self._box)
        if option == SO_ZEROCOPY:
            return -_ENOTSUPP  # the supervisor may send for the caller, whose pages it does not have
        if option in (SO_SNDBUFFORCE, SO_RCVBUFFORCE) and not capabilities.may_use(caller, "net_admin"):
            return -errno.EPERM
        marks = (capabilities.may_use(caller, each, own=True) for each in ("net_raw", "net_admin"))
        if option == SO_MARK and not any(marks):
            return -errno.EPERM
        return CONTINUE

    def _of_kernel(self, caller: Caller, register: int) -> int | None:
        """Return the inode of a caller's socket whose other end is SELinux or the audit system; None of any other."""
        if not self._kernel.exist:
            return None
        with own_capabilities(), suppress(OSError):
            inode = os.stat(f"/proc/{caller.tid}/fd/{signed(register)}").st_ino
            return inode if self._kernel.has(inode) else None
        return None

    # --- Binding and connecting -------------------------------------------------------------------------------------

    def bind(self, caller: Caller, arguments: Arguments) -> int:
        """``bind(socket, address, length)``."""
        own, address = self._own_and_address(caller, arguments)
        label = self._checks.check(caller, own, "bind")
        if self._kernel.has(own.inode):
            return self._kernel.bind(own.inode, address)
        if own.is_unix:
            return self._unix.bind(caller, own, label, address)
        if own.family in _INTERNET:
            self._internet.check_bind(caller, own, label, address)
        with acting_as(identity_of(caller)):
            if own.family == socket.AF_NETLINK and len(address) >= _NETLINK_ADDRESS.size:
                _, _, port, groups = _NETLINK_ADDRESS.unpack_from(address)
                if port == 0 and bind_netlink(caller, own, groups):
                    return 0
            bind(own.descriptor, address)
        return 0

    def connect(self, caller: Caller, arguments: Arguments) -> int:
        """``connect(socket, address, length)``, of which the kernel looks at the address first."""
        try:
            address = self._address(caller, arguments)
        except OSError:
            target_open(self._box, caller, arguments[0])
            raise
        own = copy_socket(self._box, caller, arguments[0])
        label = self._checks.check(caller, own, "connect")
        if own.is_unix:
            return self._unix.connect(caller, own, label, address)
        self._internet.check_connect(caller, own, label, address)
        if own.type in _CONNECTED and is_blocking(own.descriptor):
            return self._internet.connect_and_wait(caller, own, address)
        with acting_as(identity_of(caller)):
            if own.family == socket.AF_NETLINK:
                bind_netlink(caller, own)
            connect(own.descriptor, address)
        return 0

    def _own_and_address(self, caller: Caller, arguments: Arguments) -> tuple[CallerSocket, bytes]:
        """Return the socket and the address of a call, the latter read once."""
        own = copy_socket(self._box, caller, arguments[0])
        return own, self._address(caller, arguments)

    def _address(self, caller: Caller, arguments: Arguments) -> bytes:
        length = signed(arguments[2])
        if not 0 <= length <= _LARGEST_ADDRESS:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return self._box.memory.read_exactly(caller.tid, arguments[1], length)


def _is_of_kernel(arguments: Arguments) -> bool:
    return arguments[0] & 0xFFFFFFFF == socket.AF_NETLINK and arguments[2] & 0xFFFFFFFF in PROTOCOLS


def _network_of(task: str) -> int:
    """Return the inode number of a task's network namespace."""
    return os.stat(f"/proc/{task}/ns/net").st_ino
