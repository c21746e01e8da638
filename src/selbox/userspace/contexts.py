"""Contexts that the kernel, or the box that a program runs in, knows: of a peer, of the program itself, of a file."""

import errno
import os

from selbox.diagnostics import SelboxError
from selbox.typing import Final, Protocol

SOL_SOCKET: Final = 1
SO_PEERSEC: Final = 31
_USUAL_LENGTH: Final = 256
_LONGEST: Final = 1 << 16
_NO_CONTEXT: Final = "no-security-context"
_ADVICE: Final = "a kernel with SELinux knows contexts, and so does a box: `selbox run … -- PROGRAM`"


class Connected(Protocol):
    """A socket, or what asyncio gives for one: ``writer.get_extra_info("socket")``."""

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        """Return an option of the socket."""
        ...


def peer_context(connection: Connected) -> str:
    """Return the security context of the process at the other end of a unix socket, which vouches for nothing itself.

    For the side that accepted, it is the context that the peer had when it connected.

    Args:
        connection: a connected unix stream socket, of :mod:`socket` or of asyncio.

    Raises:
        SelboxError: code ``no-security-context``, where the kernel knows none.
        OSError: when it is no connected socket.

    Source: ``getpeercon(3)``, the option ``SO_PEERSEC`` of ``socket(7)``.
    """
    length = _USUAL_LENGTH
    while True:
        try:
            value = connection.getsockopt(SOL_SOCKET, SO_PEERSEC, length)
        except OSError as error:
            if error.errno == errno.ERANGE and length < _LONGEST:
                length *= 4
                continue
            if error.errno in (errno.ENOPROTOOPT, errno.EOPNOTSUPP):
                words = "the kernel does not say which context the peer of this socket has"
                raise SelboxError.of(_NO_CONTEXT, words, help=_ADVICE) from None
            raise
        return _context(value, "the peer of this socket")


def current_context() -> str:
    """Return the security context of this process.

    Raises:
        SelboxError: code ``no-security-context``, where the kernel knows none.

    Source: ``getcon(3)``.
    """
    try:
        with open("/proc/thread-self/attr/current", "rb") as attribute:
            return _context(attribute.read(), "this process")
    except OSError as error:
        words = f"this process has no security context: {error.strerror or error}"
        raise SelboxError.of(_NO_CONTEXT, words, help=_ADVICE) from None


def file_context(path: str) -> str:
    """Return the security context that a file carries; a symbolic link is followed.

    Raises:
        SelboxError: code ``no-security-context``, where it carries none.
        OSError: when there is no such file, or it cannot be looked at.

    Source: ``getfilecon(3)``.
    """
    try:
        return _context(os.getxattr(path, "security.selinux"), f"`{path}`")
    except OSError as error:
        if error.errno not in (errno.ENODATA, errno.EOPNOTSUPP):
            raise
        raise SelboxError.of(_NO_CONTEXT, f"`{path}` carries no security context", help=_ADVICE) from None


def _context(value: bytes, of_what: str) -> str:
    """Return a context as text.

    Other security modules answer in the same places; what they say has no colons.
    """
    text = os.fsdecode(value.rstrip(b"\0\n"))
    if text.count(":") < 2:
        words = f"`{text}` is what the kernel says of {of_what}, and no context of SELinux"
        raise SelboxError.of(_NO_CONTEXT, words, help=_ADVICE)
    return text
