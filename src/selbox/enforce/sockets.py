"""Sockets of stopped tasks: copies to act on, and what is asked of them."""

import ctypes
import errno
import fcntl
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.callerfiles import copy_of
from selbox.enforce.linux import system_call_with
from selbox.enforce.monitor import Fields
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.socketlabels import SocketKind, is_socket
from selbox.enforce.tasks import thread_group
from selbox.typing import Final, NamedTuple

_SO_TYPE: Final = 3
_SO_PROTOCOL: Final = 38
_SO_DOMAIN: Final = 39
_LARGEST_ADDRESS: Final = 128
_FAMILY_SIZE: Final = 2
_HOST_SIZE: Final = 4
_INTERNET_SIZE: Final = 16
_INTERNET6_SIZE: Final = 24
"""``SIN6_LEN_RFC2133``: without the scope, as the kernel takes it."""
_INTEGER = struct.Struct("=i")
_NETLINK_ADDRESS = struct.Struct("=HHII")
_PORT = struct.Struct("!H")

_INT, _BYTES = ctypes.c_long, ctypes.c_char_p
_getsockopt = system_call_with(NUMBERS["getsockopt"], _INT, _INT, _INT, _BYTES, _BYTES)
_get_integer = system_call_with(NUMBERS["getsockopt"], _INT, _INT, _INT, ctypes.c_void_p, _BYTES)
_getsockname = system_call_with(NUMBERS["getsockname"], _INT, _BYTES, _BYTES)
_getpeername = system_call_with(NUMBERS["getpeername"], _INT, _BYTES, _BYTES)
_bind = system_call_with(NUMBERS["bind"], _INT, _BYTES, _INT)
_connect = system_call_with(NUMBERS["connect"], _INT, _BYTES, _INT)
_accept = system_call_with(NUMBERS["accept4"], _INT, _BYTES, _BYTES, _INT)


class CallerSocket(NamedTuple):
    """A copy of a task's socket.

    Attributes:
        descriptor: the supervisor's own, on the same socket.
        inode: its inode number, by which a socket is known.
        family: ``AF_UNIX`` and the like.
        type: ``SOCK_STREAM`` and the like.
        protocol: of its family.
    """

    descriptor: int
    inode: int
    family: int
    type: int
    protocol: int

    @property
    def is_unix(self) -> bool:
        """Whether it is a unix socket."""
        return self.family == socket.AF_UNIX


def copy_socket(box: Box, caller: Caller, number: int) -> CallerSocket:
    """Copy a task's socket; the copy lives as long as the call.

    Raises:
        OSError: EBADF and ENOTSOCK as the kernel has them; EPERM where the supervisor may not copy descriptors.
    """
    return socket_behind(box, copy_of(box, caller, number))


def socket_behind(box: Box, descriptor: int) -> CallerSocket:
    """Return what a copy of a task's descriptor is a socket of.

    Raises:
        OSError: ENOTSOCK when it is none.
    """
    status = os.fstat(descriptor)
    kind = box.socket_labels.kind(status.st_ino) if is_socket(status) else None
    if kind is None:
        family, type_ = _integer_option(descriptor, _SO_DOMAIN), _integer_option(descriptor, _SO_TYPE)
        protocol = 0 if family == socket.AF_UNIX else _integer_option(descriptor, _SO_PROTOCOL)
        kind = SocketKind(family, type_, protocol)
        box.socket_labels.note_kind(status.st_ino, kind)
    return CallerSocket(descriptor, status.st_ino, *kind)


def _integer_option(descriptor: int, option: int) -> int:
    value = ctypes.c_int()
    _get_integer(descriptor, socket.SOL_SOCKET, option, ctypes.byref(value), _INTEGER.pack(_INTEGER.size))
    return value.value


def socket_option(descriptor: int, option: int, size: int) -> bytes:
    """Return an option of level ``SOL_SOCKET``, at most ``size`` bytes."""
    value = ctypes.create_string_buffer(size)
    length = ctypes.create_string_buffer(_INTEGER.pack(size), _INTEGER.size)
    _getsockopt(descriptor, socket.SOL_SOCKET, option, value, length)
    return value.raw[: _INTEGER.unpack(length)[0]]


def bind(descriptor: int, address: bytes) -> None:
    """Bind to an address as it stands in memory."""
    _bind(descriptor, address, len(address))


def connect(descriptor: int, address: bytes) -> None:
    """Connect to an address as it stands in memory; a signal ends the wait with EINTR."""
    _connect(descriptor, address, len(address))


def accept(descriptor: int, flags: int) -> tuple[int, bytes]:
    """Accept a connection; a signal ends the wait with EINTR.

    Returns:
        A descriptor that is closed on exec, and the other end's address as it stands in memory.
    """
    address = ctypes.create_string_buffer(_LARGEST_ADDRESS)
    length = ctypes.create_string_buffer(_INTEGER.pack(_LARGEST_ADDRESS), _INTEGER.size)
    made = _accept(descriptor, address, length, flags | socket.SOCK_CLOEXEC)
    return made, address.raw[: _INTEGER.unpack(length)[0]]


def status_flags(descriptor: int) -> int:
    """Return a descriptor's status flags."""
    return fcntl.fcntl(descriptor, fcntl.F_GETFL)


def is_blocking(descriptor: int) -> bool:
    """Tell whether calls on a descriptor wait."""
    return not status_flags(descriptor) & os.O_NONBLOCK


def own_address(descriptor: int) -> bytes:
    """Return the address that a socket is bound to, as it stands in memory."""
    return _address(_getsockname, descriptor)


def own_name(descriptor: int) -> bytes:
    """Return what a unix socket is bound to: a path, an abstract name with its leading NUL, or nothing."""
    return sun_path(own_address(descriptor))


def peer_name(descriptor: int) -> bytes:
    """Return what the peer of a unix socket is bound to, as :func:`own_name`.

    Raises:
        OSError: ENOTCONN.
    """
    return sun_path(_address(_getpeername, descriptor))


def is_listening(descriptor: int) -> bool:
    """Tell whether a socket takes connections."""
    return bool(_integer_option(descriptor, socket.SO_ACCEPTCONN))


def _address(call: Callable[..., int], descriptor: int) -> bytes:
    address = ctypes.create_string_buffer(_LARGEST_ADDRESS)
    length = ctypes.create_string_buffer(_INTEGER.pack(_LARGEST_ADDRESS), _INTEGER.size)
    call(descriptor, address, length)
    return address.raw[: _INTEGER.unpack(length)[0]]


def sun_path(address: bytes) -> bytes:
    """Return the name in a unix address: a path up to its NUL, or an abstract name with its leading NUL."""
    name = address[_FAMILY_SIZE:]
    return name if name[:1] == b"\0" else name.partition(b"\0")[0]


def unix_address(name: bytes | str) -> bytes:
    """Return the address of a path."""
    return socket.AF_UNIX.to_bytes(_FAMILY_SIZE, "little") + os.fsencode(name) + b"\0"


def describe_socket(own: CallerSocket) -> Fields:
    """Return what a record says about a socket (kernel: ``dump_common_audit_data`` of one with a ``sk``)."""
    if own.is_unix:
        return describe_name(own_name(own.descriptor))
    if own.family not in (socket.AF_INET, socket.AF_INET6):
        return {}
    fields: dict[str, object] = {}
    for call, host, port in ((_getsockname, "laddr", "lport"), (_getpeername, "faddr", "fport")):
        with suppress(OSError):  # not connected
            found = internet_address(_address(call, own.descriptor))
            if found is not None:
                fields.update(describe_internet(found, host, port))
    return fields


def describe_name(name: bytes) -> Fields:
    """Return what a record says about a socket: the name that it is bound to, if any."""
    return {"path": os.fsdecode(name)} if name else {}


class InternetAddress(NamedTuple):
    """A host, packed in 4 or 16 bytes, and a port."""

    host: bytes
    port: int


def describe_internet(address: InternetAddress, host: str, port: str) -> dict[str, object]:
    """Return what a record says about an internet address: what of it is not zero, under two names.

    Source: the kernel's ``print_ipv4_addr`` and ``print_ipv6_addr``.
    """
    fields: dict[str, object] = {}
    if any(address.host):
        family = socket.AF_INET if len(address.host) == _HOST_SIZE else socket.AF_INET6
        fields[host] = socket.inet_ntop(family, address.host)
    if address.port:
        fields[port] = address.port
    return fields


def internet_address(address: bytes) -> InternetAddress | None:
    """Return what a ``sockaddr_in`` or ``sockaddr_in6`` says; None for another family or one that is cut off."""
    family = int.from_bytes(address[:_FAMILY_SIZE], "little")
    if family == socket.AF_INET and len(address) >= _INTERNET_SIZE:
        return InternetAddress(address[4:8], _PORT.unpack_from(address, _FAMILY_SIZE)[0])
    if family == socket.AF_INET6 and len(address) >= _INTERNET6_SIZE:
        return InternetAddress(address[8:24], _PORT.unpack_from(address, _FAMILY_SIZE)[0])
    return None


def bind_netlink(caller: Caller, own: CallerSocket, groups: int = 0) -> bool:
    """Bind a netlink socket to its own process's number, where the kernel would take that of who makes the call.

    Returns:
        False when that number is taken, or the socket has one already, so that it is the kernel's turn.
    """
    if _NETLINK_ADDRESS.unpack(own_address(own.descriptor))[2]:
        return False
    try:
        bind(own.descriptor, _NETLINK_ADDRESS.pack(socket.AF_NETLINK, 0, thread_group(caller.tid), groups))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise
    return True


@contextmanager
def not_blocking(descriptor: int, flags: int) -> Iterator[None]:
    """Have a socket not block for a moment.

    Args:
        descriptor: a copy of the task's.
        flags: its status flags, which come back.
    """
    if flags & os.O_NONBLOCK:
        yield
        return
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    try:
        yield
    finally:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags)
