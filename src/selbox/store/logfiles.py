"""Log files of any size, read in blocks of whole lines."""

import fcntl
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BufferedReader

from selbox.diagnostics import SelboxError
from selbox.store.compression import CORRUPT_CODE, UNAVAILABLE_CODE
from selbox.store.inputs import STANDARD_INPUT, UNREADABLE_CODE, unreadable
from selbox.typing import BinaryIO, Final, NamedTuple, Protocol

AUDIT_LOG: Final = "/var/log/audit/audit.log"
"""Where auditd writes; older files have a number after the name."""

_ROTATED: Final = re.compile(r"\.(\d{1,9})(?:\.(?:gz|bz2|xz|zst))?", re.ASCII)
"""How the names of older files go on."""

_PAUSE: Final = 0.25
"""Seconds between two looks at a file that is followed."""
_BLOCK: Final = 1 << 22
"""Bytes that are read at a time."""
_PIPE: Final = 1 << 20
"""Bytes that a pipe may hold, where the system allows it: thousands of lines at a time cost less than hundreds."""
_LONGEST_LINE: Final = 1 << 20
"""Bytes of a line. The kernel's records have 8 KiB at most; what is longer is cut, so that memory is bounded."""


class _Readable(Protocol):
    """What all four kinds of stream are."""

    def read1(self, size: int, /) -> bytes: ...


class Block(NamedTuple):
    """Whole lines of a log.

    Attributes:
        text: the lines; bytes that are not UTF-8 are kept as surrogates.
        place: how many bytes of the file have been read, as they lie there; 0 for what is no file.
    """

    text: str
    place: int


def blocks(path: str) -> Iterator[Block]:
    """Yield a log, unpacked where it is compressed by gzip, bzip2, xz or zstd.

    Args:
        path: where it is; ``-`` is standard input. The lines of a pipe are yielded as they come.

    Raises:
        SelboxError: ``file-unreadable`` when it cannot be read; ``compressed-corrupt`` when it is damaged, after what
            could be unpacked has been yielded; ``compression-unavailable`` when this Python lacks the format.
    """
    name = "<stdin>" if path == STANDARD_INPUT else path
    try:
        with open(0 if path == STANDARD_INPUT else path, "rb", closefd=path != STANDARD_INPUT) as stream:
            mode = os.fstat(stream.fileno()).st_mode
            is_file = stat.S_ISREG(mode)
            if stat.S_ISFIFO(mode):
                with suppress(OSError):  # who may not have more goes on with 64 KiB
                    fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)
            lines = Lines()
            for content in _contents(stream, stream.peek(6), name):
                text = lines.add(content)
                if text:
                    yield Block(text, os.lseek(stream.fileno(), 0, os.SEEK_CUR) if is_file else 0)
            text = lines.last()
            if text:
                yield Block(text, 0)
    except OSError as error:
        raise unreadable(path, error, name) from None


def follow(path: str, wait: Callable[[], None] | None = None) -> Iterator[Block]:
    """Yield a log and what is written to it later, without end.

    Where the file is moved away, the rest of it is read and then the file that takes its place, from the beginning; a
    file that is cut short is read from the beginning again. A file that is gone is waited for.

    Args:
        path: where it is.
        wait: called when there is nothing to read yet; sleeps when None.

    Raises:
        SelboxError: ``file-unreadable``, when it cannot be read at the beginning.
    """
    wait = wait or _sleep
    try:
        stream: BinaryIO | None = open(path, "rb", buffering=0)  # noqa: SIM115 - it is replaced while it is read
    except OSError as error:
        raise unreadable(path, error) from None
    lines = Lines()
    try:
        while True:
            if stream is None:
                stream, lines = _reopened(path), Lines()
            content = b"" if stream is None else stream.read(_BLOCK)
            if content and stream is not None:
                text = lines.add(content)
                if text:
                    yield Block(text, stream.tell())
                continue
            if stream is not None and _is_over(stream, path):
                stream.close()
                text = lines.last()
                if text:
                    yield Block(text, 0)
                stream = None
                continue
            wait()
    finally:
        if stream is not None:
            stream.close()


def _sleep() -> None:
    time.sleep(_PAUSE)


def _reopened(path: str) -> BinaryIO | None:
    try:
        return open(path, "rb", buffering=0)
    except OSError:
        return None


def _is_over(stream: BinaryIO, path: str) -> bool:
    """Tell whether another file has taken the place of one that has been read to its end, or it was cut short."""
    own = os.fstat(stream.fileno())
    if own.st_size < stream.tell():
        return True
    try:
        there = os.stat(path)
    except OSError:
        return False  # it was moved away, and whoever writes may still write to it
    return (there.st_dev, there.st_ino) != (own.st_dev, own.st_ino)


class Lines:
    """Puts whole lines together of what is read piece by piece."""

    def __init__(self) -> None:
        self._rest = b""

    def add(self, content: bytes) -> str:
        """Return the whole lines that there are with a further piece; empty when there is none."""
        whole, newline, self._rest = (self._rest + content).rpartition(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            whole, newline, self._rest = whole + newline + self._rest[:_LONGEST_LINE], b"\n", b""
        return (whole + newline).decode("utf-8", "surrogateescape")

    def last(self) -> str:
        """Return the last line, which lacks its end; empty when there is none."""
        text, self._rest = self._rest.decode("utf-8", "surrogateescape"), b""
        return text


def audit_logs(path: str = AUDIT_LOG) -> list[str]:
    """Return auditd's log files, the oldest first; rotated ones may be compressed.

    Args:
        path: the file that it writes now.

    Raises:
        SelboxError: ``file-unreadable``, when there is none.
    """
    directory, name = os.path.split(path)
    try:
        names = os.listdir(directory)
    except OSError as error:
        raise unreadable(path, error) from None
    endings = [(each, _ROTATED.fullmatch(each, len(name))) for each in names if each.startswith(name)]
    rotated = [(int(ending[1]), each) for each, ending in endings if ending]
    found = [os.path.join(directory, each) for _, each in sorted(rotated, reverse=True)]
    if name in names:
        found.append(path)
    if not found:
        raise SelboxError.of(UNREADABLE_CODE, f"there is no `{path}`", help="name a log with -i FILE")
    return found


def _contents(stream: BufferedReader, magic: bytes, name: str) -> Iterator[bytes]:
    """Yield what is read, unpacked.

    Raises:
        SelboxError: ``compressed-corrupt`` or ``compression-unavailable``.
        OSError: when it cannot be read.
    """
    unpacked, damage = _unpacked(stream, magic, name)
    while True:
        try:
            content = unpacked.read1(_BLOCK)
        except damage as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise SelboxError.of(CORRUPT_CODE, f"`{name}` is compressed, and damaged or cut short: {error}") from None
        if not content:
            return
        yield content


def _unpacked(stream: BufferedReader, magic: bytes, name: str) -> tuple[_Readable, tuple[type[Exception], ...]]:
    """Return a stream of what a stream holds, and what reading it raises where it is damaged."""
    if magic.startswith(b"\x1f\x8b"):
        import gzip
        import zlib

        return gzip.open(stream), (OSError, EOFError, zlib.error)
    if magic.startswith(b"BZh"):
        import bz2

        return bz2.open(stream), (OSError, EOFError)
    if magic.startswith(b"\xfd7zXZ\0"):
        import lzma

        return lzma.open(stream), (lzma.LZMAError, EOFError)
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        return _zstd(stream, name)
    return stream, ()


def _zstd(stream: BufferedReader, name: str) -> tuple[_Readable, tuple[type[Exception], ...]]:
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]
    except ImportError:  # before Python 3.14
        try:
            from backports import zstd
        except ImportError as error:
            raise SelboxError.of(
                UNAVAILABLE_CODE,
                f"`{name}` is compressed with zstd, and this Python has no module `{error.name}` to read it",
                help="unpack it first, or install the module",
            ) from None
    return zstd.open(stream), (zstd.ZstdError, EOFError)
