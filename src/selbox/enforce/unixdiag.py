"""Asking the kernel about unix sockets: which one is connected to which, and who listens under a name.

Source: ``sock_diag(7)`` and the kernel's ``net/unix/diag.c``.
"""

import socket
import struct
from collections.abc import Iterator
from threading import Lock

from selbox.typing import Final, NamedTuple

_NETLINK_SOCK_DIAG: Final = 4
_SOCK_DIAG_BY_FAMILY: Final = 20
_REQUEST: Final = 1
_DUMP: Final = 0x300
_ERROR: Final = 2
_DONE: Final = 3
_SHOW_NAME: Final = 1
_SHOW_VFS: Final = 2
_SHOW_PEER: Final = 4
_ATTRIBUTE_NAME, _ATTRIBUTE_VFS, _ATTRIBUTE_PEER = range(3)
_ANY_COOKIE: Final = 0xFFFFFFFF
_ALL_STATES: Final = 0xFFFFFFFF
_LISTENING: Final = 10
"""``TCP_LISTEN``, which the kernel uses for unix sockets too."""

_HEADER = struct.Struct("=IHHII")
_QUESTION = struct.Struct("=BBHIIIII")
_ANSWER = struct.Struct("=BBBxIII")
_ATTRIBUTE = struct.Struct("=HH")
_BUFFER: Final = 1 << 16


class UnixSocket(NamedTuple):
    """What the kernel says about a socket.

    Attributes:
        inode: its inode number.
        type: ``SOCK_STREAM`` and the like.
        is_listening: whether it takes connections.
        name: abstract name or path as it was bound, or empty; abstract ones begin with NUL.
        file: low 32 bits of the inode number of the file that it is bound to, or None.
        peer: inode number of the socket that it is connected to; 0 when that is closed or was not yet accepted.
    """

    inode: int
    type: int
    is_listening: bool
    name: bytes
    file: int | None
    peer: int


class UnixDiagnosis:
    """Answers questions about the unix sockets of the supervisor's own network namespace."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._sequence = 0
        self._lock = Lock()

    def find(self, inode: int) -> UnixSocket | None:
        """Return what is known of a socket; None when there is none such here, or the kernel does not tell."""
        with self._lock:
            return next(self._ask(inode, _REQUEST, _SHOW_PEER), None)

    def all(self) -> list[UnixSocket] | None:
        """Return all sockets; None when the kernel does not tell."""
        with self._lock:
            found = list(self._ask(0, _REQUEST | _DUMP, _SHOW_NAME | _SHOW_VFS))
        # There is always one: the supervisor was started through a pair of them. Nothing means no answer.
        return found or None

    def _ask(self, inode: int, flags: int, show: int) -> Iterator[UnixSocket]:
        self._sequence += 1
        question = _QUESTION.pack(socket.AF_UNIX, 0, 0, _ALL_STATES, inode, show, _ANY_COOKIE, _ANY_COOKIE)
        length = _HEADER.size + len(question)
        try:
            channel = self._open()
            channel.send(_HEADER.pack(length, _SOCK_DIAG_BY_FAMILY, flags, self._sequence, 0) + question)
            while True:
                data = channel.recv(_BUFFER)
                for kind, body in _messages(data, self._sequence):
                    if kind in (_ERROR, _DONE):
                        return
                    yield _socket_of(body)
                    if not flags & _DUMP:
                        return
        except OSError:
            return

    def _open(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG)
            self._socket.settimeout(1.0)
        return self._socket


def _messages(data: bytes, sequence: int) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + _HEADER.size <= len(data):
        length, kind, _flags, answered, _port = _HEADER.unpack_from(data, position)
        if length < _HEADER.size:
            return
        if answered == sequence:
            yield kind, data[position + _HEADER.size : position + length]
        position += (length + 3) & ~3


def _socket_of(body: bytes) -> UnixSocket:
    _family, type_, state, inode, _cookie, _cookie_high = _ANSWER.unpack_from(body)
    name, file, peer = b"", None, 0
    position = _ANSWER.size
    while position + _ATTRIBUTE.size <= len(body):
        length, attribute = _ATTRIBUTE.unpack_from(body, position)
        if length < _ATTRIBUTE.size:
            break
        value = body[position + _ATTRIBUTE.size : position + length]
        if attribute == _ATTRIBUTE_NAME:
            name = value if value.startswith(b"\0") else value.rstrip(b"\0")
        elif attribute == _ATTRIBUTE_VFS:
            file = int.from_bytes(value[:4], "little")
        elif attribute == _ATTRIBUTE_PEER:
            peer = int.from_bytes(value, "little")
        position += (length + 3) & ~3
    return UnixSocket(inode, type_, state == _LISTENING, name, file, peer)
