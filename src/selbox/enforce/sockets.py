"""Sockets of stopped tasks: copies to act on, and their labels."""

import ctypes
import errno
import fcntl
import os
import socket
import struct
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.callerfiles import copy_of
from selbox.enforce.creation import created_sid
from selbox.enforce.linux import system_call
from selbox.enforce.monitor import Fields
from selbox.enforce.seccomp.syscalls import NUMBERS

_SO_TYPE: Final = 3
_SO_DOMAIN: Final = 39
_NR_GETSOCKNAME: Final = 51
_NR_GETPEERNAME: Final = 52
_LARGEST_ADDRESS: Final = 128
_FAMILY_SIZE: Final = 2
_KEPT: Final = 65536
_INTEGER = struct.Struct("=i")

_UNIX_CLASSES: Final[dict[int, str]] = {
    socket.SOCK_STREAM: "unix_stream_socket",
    socket.SOCK_SEQPACKET: "unix_stream_socket",
    socket.SOCK_DGRAM: "unix_dgram_socket",
    socket.SOCK_RAW: "unix_dgram_socket",
}


def unix_class(type_: int) -> str:
    """Return the class of a unix socket of a type; empty for a type that there is not.

    Source: the kernel's ``socket_type_to_security_class``.
    """
    return _UNIX_CLASSES.get(type_, "")


class CallerSocket(NamedTuple):
    """A copy of a task's socket.

    Attributes:
        descriptor: the supervisor's own, on the same socket.
        inode: its inode number, by which a socket is known.
        family: ``AF_UNIX`` and the like.
        type: ``SOCK_STREAM`` and the like.
    """

    descriptor: int
    inode: int
    family: int
    type: int

    @property
    def is_unix(self) -> bool:
        """Whether it is a unix socket."""
        return self.family == socket.AF_UNIX


class SocketLabel(NamedTuple):
    """The label of a socket.

    Attributes:
        sid: its SID.
        object_class: name of its class; empty for a socket whose family is not asked about.
    """

    sid: int
    object_class: str


_UNASKED: Final = SocketLabel(0, "")


def copy_socket(box: Box, caller: Caller, number: int) -> CallerSocket:
    """Copy a task's socket; the copy lives as long as the call.

    Raises:
        OSError: EBADF and ENOTSOCK as the kernel has them; EPERM where the supervisor may not copy descriptors.
    """
    descriptor = copy_of(box, caller, number)
    family = _INTEGER.unpack(socket_option(descriptor, _SO_DOMAIN, _INTEGER.size))[0]
    type_ = _INTEGER.unpack(socket_option(descriptor, _SO_TYPE, _INTEGER.size))[0]
    return CallerSocket(descriptor, os.fstat(descriptor).st_ino, family, type_)


def socket_option(descriptor: int, option: int, size: int) -> bytes:
    """Return an option of level ``SOL_SOCKET``, at most ``size`` bytes."""
    value = ctypes.create_string_buffer(size)
    length = ctypes.create_string_buffer(_INTEGER.pack(size), _INTEGER.size)
    system_call(NUMBERS["getsockopt"], descriptor, socket.SOL_SOCKET, option, value, length)
    return value.raw[: _INTEGER.unpack(length.raw)[0]]


def bind(descriptor: int, address: bytes) -> None:
    """Bind to an address as it stands in memory."""
    system_call(NUMBERS["bind"], descriptor, address, len(address))


def connect(descriptor: int, address: bytes) -> None:
    """Connect to an address as it stands in memory; a signal ends the wait with EINTR."""
    system_call(NUMBERS["connect"], descriptor, address, len(address))


def own_address(descriptor: int) -> bytes:
    """Return the address that a socket is bound to, as it stands in memory."""
    return _address(_NR_GETSOCKNAME, descriptor)


def own_name(descriptor: int) -> bytes:
    """Return what a unix socket is bound to: a path, an abstract name with its leading NUL, or nothing."""
    return sun_path(own_address(descriptor))


def peer_name(descriptor: int) -> bytes:
    """Return what the peer of a unix socket is bound to, as :func:`own_name`.

    Raises:
        OSError: ENOTCONN.
    """
    return sun_path(_address(_NR_GETPEERNAME, descriptor))


def _address(call: int, descriptor: int) -> bytes:
    address = ctypes.create_string_buffer(_LARGEST_ADDRESS)
    length = ctypes.create_string_buffer(_INTEGER.pack(_LARGEST_ADDRESS), _INTEGER.size)
    system_call(call, descriptor, address, length)
    return address.raw[: _INTEGER.unpack(length.raw)[0]]


def sun_path(address: bytes) -> bytes:
    """Return the name in a unix address: a path up to its NUL, or an abstract name with its leading NUL."""
    name = address[_FAMILY_SIZE:]
    return name if name[:1] == b"\0" else name.partition(b"\0")[0]


def unix_address(name: bytes | str) -> bytes:
    """Return the address of a path."""
    return socket.AF_UNIX.to_bytes(_FAMILY_SIZE, "little") + os.fsencode(name) + b"\0"


def describe_name(name: bytes) -> Fields:
    """Return what a record says about a socket: the name that it is bound to, if any."""
    return {"path": os.fsdecode(name)} if name else {}


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


class SocketLabels:
    """Labels of unix sockets by inode number, which the kernel gives to another socket only after four billion."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._labels: OrderedDict[int, SocketLabel] = OrderedDict()

    def known(self, inode: int) -> SocketLabel | None:
        """Return the label of a socket that was seen before, or None."""
        return self._labels.get(inode)

    def assign(self, inode: int, label: SocketLabel) -> None:
        """Give a socket its label."""
        self._labels[inode] = label
        if len(self._labels) > _KEPT:
            self._labels.popitem(last=False)

    def of(self, caller: Caller, own: CallerSocket) -> SocketLabel:
        """Return the label of a caller's socket; one that was never seen is taken to have been made by the caller."""
        label = self._labels.get(own.inode)
        if label is None:
            label = self.new(caller, unix_class(own.type)) if own.is_unix else _UNASKED
            self.assign(own.inode, label)
        return label

    def of_number(self, caller: Caller, number: int) -> SocketLabel:
        """Return the label of the socket behind a descriptor number, without copying one that is known.

        Raises:
            OSError: as :func:`copy_socket`.
        """
        try:
            inode = os.stat(f"/proc/{caller.tid}/fd/{number}").st_ino
        except FileNotFoundError:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF)) from None
        label = self._labels.get(inode)
        return self.of(caller, copy_socket(self._box, caller, number)) if label is None else label

    def new(self, caller: Caller, object_class: str) -> SocketLabel:
        """Return the label of a socket that a task makes (kernel: ``socket_sockcreate_sid``)."""
        state = caller.state
        sid = state.socket_create_sid or created_sid(self._box, state.sid, state.sid, object_class)
        return SocketLabel(sid, object_class)

    def check(self, caller: Caller, label: SocketLabel, permission: str, descriptor: int = -1) -> None:
        """Check a permission on a task's own socket (kernel: ``sock_has_perm``).

        Args:
            caller: the task.
            label: the socket's.
            permission: name.
            descriptor: a copy of the socket, for the record; -1 for none.
        """
        if not label.object_class or label.sid == self._box.labels.outside:
            return  # the kernel asks nothing about sockets of its own

        def describe() -> Fields:
            return describe_name(own_name(descriptor)) if descriptor >= 0 else {}

        self._box.monitor.check(caller, label.sid, label.object_class, (permission,), describe)
