"""Messages of sockets as they stand in memory: headers, parts of data, and what is sent beside it.

Source: ``sendmsg(2)``, ``cmsg(3)`` and the kernel's ``net/socket.c``.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterable, Iterator

from selbox.enforce.linux import address_of, system_call_with
from selbox.enforce.memory import TaskMemory
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.typing import Final, NamedTuple

MSG_PEEK: Final = 0x2
MSG_CTRUNC: Final = 0x8
MSG_DONTWAIT: Final = 0x40
MSG_WAITALL: Final = 0x100
MSG_NOSIGNAL: Final = 0x4000
MSG_ZEROCOPY: Final = 0x4000000
MSG_FASTOPEN: Final = 0x20000000
MSG_CMSG_CLOEXEC: Final = 0x40000000
MSG_CMSG_COMPAT: Final = 0x80000000

LARGEST: Final = 1 << 22
"""What the supervisor moves at once, in bytes: more than any datagram has."""

_HEADER = struct.Struct("=QI4xQQQQI4x")
_VECTOR = struct.Struct("=QQ")
_CONTROL = struct.Struct("=Qii")
_LARGEST_NAME: Final = 128
_LARGEST_CONTROL: Final = 1 << 15
MOST_PARTS: Final = 1024
"""Parts that one call may name (``UIO_MAXIOV``)."""

_NAME_SIZE_OFFSET: Final = 8
CONTROL_SIZE_OFFSET: Final = 40
_RESULT = struct.Struct("=QI")
_SIZE = struct.Struct("=I")

HEADER_SIZE: Final = _HEADER.size
"""Size of ``struct msghdr``."""

Parts = list[tuple[int, int]]
"""Addresses and sizes."""


class MessageHeader(NamedTuple):
    """A ``struct msghdr`` of a task.

    Attributes:
        place: its address.
        name: address of the peer's address, or 0; name_size: its size, at most 128.
        parts: where the data are.
        control: address of what is sent beside the data; control_size: its size.
    """

    place: int
    name: int
    name_size: int
    parts: Parts
    control: int
    control_size: int

    @property
    def size(self) -> int:
        """Size of all parts."""
        return sum(size for _, size in self.parts)


def read_header(memory: TaskMemory, tid: int, place: int) -> MessageHeader:
    """Read a header and its list of parts.

    Raises:
        OSError: EFAULT, EINVAL and EMSGSIZE as the kernel has them.
    """
    name, name_size, vectors, count, control, control_size, _flags = _HEADER.unpack(
        memory.read_exactly(tid, place, _HEADER.size)
    )
    if name_size >= 1 << 31:
        raise _error(errno.EINVAL)
    if count > MOST_PARTS:
        raise _error(errno.EMSGSIZE)
    parts = read_vectors(memory, tid, vectors, count)
    size = min(name_size, _LARGEST_NAME) if name else 0
    return MessageHeader(place, name, size, parts, control, control_size if control else 0)


def read_vectors(memory: TaskMemory, tid: int, place: int, count: int) -> Parts:
    """Read an array of ``struct iovec``, without those that are empty.

    Raises:
        OSError: EFAULT, EINVAL.
    """
    data = memory.read_exactly(tid, place, count * _VECTOR.size)
    parts = [(address, size) for address, size in _VECTOR.iter_unpack(data) if size]
    if any(size >= 1 << 63 for _, size in parts):
        raise _error(errno.EINVAL)
    return parts


def gather(memory: TaskMemory, tid: int, parts: Parts, limit: int) -> bytes:
    """Read the data of parts, at most ``limit`` bytes.

    Raises:
        OSError: EFAULT when not all of it can be read.
    """
    pieces = []
    for address, size in parts:
        if limit <= 0:
            break
        piece = memory.read_exactly(tid, address, min(size, limit))
        pieces.append(piece)
        limit -= len(piece)
    return b"".join(pieces)


def scattered(parts: Parts, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Return data as they are to be written over parts."""
    position = 0
    for address, size in parts:
        if position >= len(data):
            return
        yield address, data[position : position + size]
        position += size


def skipped(parts: Parts, count: int) -> Parts:
    """Return parts without their first ``count`` bytes."""
    left = []
    for address, size in parts:
        if size > count:
            left.append((address + count, size - count))
        count = max(0, count - size)
    return left


class Ancillary(NamedTuple):
    """One thing that is sent beside data.

    Attributes:
        level: ``SOL_SOCKET`` and the like.
        type: ``SCM_RIGHTS`` and the like.
        data: its bytes.
    """

    level: int
    type: int
    data: bytes


def parse_control(control: bytes) -> Iterator[Ancillary]:
    """Take apart what is sent beside data.

    Raises:
        OSError: EINVAL for a size that there cannot be.
    """
    position = 0
    while position + _CONTROL.size <= len(control):
        size, level, type_ = _CONTROL.unpack_from(control, position)
        if size < _CONTROL.size or size > len(control) - position:
            raise _error(errno.EINVAL)
        yield Ancillary(level, type_, control[position + _CONTROL.size : position + size])
        position += size + 7 & ~7


def build_control(things: Iterable[Ancillary]) -> bytes:
    """Put together what is sent beside data."""
    result = bytearray()
    for level, type_, data in things:
        result += bytes(-len(result) % 8)
        result += _CONTROL.pack(_CONTROL.size + len(data), level, type_) + data
    return bytes(result)


def padded_size(control: bytes) -> int:
    """Return the size of built control data as a header tells it: each thing with what fills it up."""
    return len(control) + -len(control) % 8


_send = system_call_with(NUMBERS["sendmsg"], ctypes.c_long, ctypes.c_char_p, ctypes.c_long)
_receive = system_call_with(NUMBERS["recvmsg"], ctypes.c_long, ctypes.c_char_p, ctypes.c_long)


def send(descriptor: int, data: bytes, name: bytes, control: bytes, flags: int) -> int:
    """Send a message, never with a signal; return how many bytes went. A signal ends a wait with EINTR."""
    vector = _VECTOR.pack(address_of(data), len(data))
    name_at, control_at = address_of(name) if name else 0, address_of(control) if control else 0
    message = _HEADER.pack(name_at, len(name), address_of(vector), 1, control_at, len(control), 0)
    return _send(descriptor, message, flags | MSG_NOSIGNAL)


class Received(NamedTuple):
    """A message that was received.

    Attributes:
        size: what the call returns, which for ``MSG_TRUNC`` may be more than there are data.
        data: the data.
        name: the sender's address, as far as there was room; name_size: its whole size.
        control: what came beside the data; descriptors in it are the supervisor's own.
        flags: ``msg_flags``.
    """

    size: int
    data: bytes
    name: bytes
    name_size: int
    control: bytes
    flags: int


def receive(descriptor: int, header: MessageHeader, flags: int) -> Received:
    """Receive a message as a header has room for it; a signal ends a wait with EINTR."""
    room = min(header.size, LARGEST)
    data = ctypes.create_string_buffer(max(1, room))
    name = ctypes.create_string_buffer(_LARGEST_NAME) if header.name else None
    control_room = min(header.control_size, _LARGEST_CONTROL)
    control = ctypes.create_string_buffer(control_room) if control_room else None
    vector = _VECTOR.pack(ctypes.addressof(data), room)
    message = ctypes.create_string_buffer(
        _HEADER.pack(
            0 if name is None else ctypes.addressof(name),
            0 if name is None else _LARGEST_NAME,
            address_of(vector),
            1,
            0 if control is None else ctypes.addressof(control),
            control_room,
            0,
        ),
        HEADER_SIZE,
    )
    size = _receive(descriptor, message, flags | MSG_CMSG_CLOEXEC)
    _, name_size, _, _, _, control_size, told = _HEADER.unpack(message.raw)
    return Received(
        size,
        data.raw[: min(size, room)],
        b"" if name is None else name.raw[: min(name_size, header.name_size)],
        name_size,
        b"" if control is None else control.raw[:control_size],
        told & ~(0 if flags & MSG_CMSG_CLOEXEC else MSG_CMSG_CLOEXEC),
    )


def results(header: MessageHeader, received: Received, control: bytes, flags: int) -> list[tuple[int, bytes]]:
    """Return what is to be written into a task's memory for a message that it received.

    Args:
        header: the task's.
        received: the message.
        control: what comes beside the data, as the task is to have it.
        flags: ``msg_flags``.
    """
    written = list(scattered(header.parts, received.data))
    if header.name:
        if received.name:
            written.append((header.name, received.name))
        written.append((header.place + _NAME_SIZE_OFFSET, _SIZE.pack(received.name_size)))
    if control:
        written.append((header.control, control))
    size = min(padded_size(control), header.control_size)
    written.append((header.place + CONTROL_SIZE_OFFSET, _RESULT.pack(size, flags)))
    return written


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
