"""Compressed files, known by their first bytes and unpacked whole, with a bound on what may come out."""

from collections.abc import Callable

from selbox.diagnostics import SelboxError
from selbox.store.inputs import LARGEST, TOO_LARGE_CODE
from selbox.typing import Any, Final, NamedTuple

_ALWAYS: Final = 64 << 20
"""Bytes that any file may unpack to, however small it is."""

_RATIO: Final = 250
"""Bytes that each compressed byte may stand for beyond that: policies compress to a thirtieth, bombs far below."""

_FED: Final = 1 << 16
"""Bytes that a decompressor is given at a time: it copies what it does not need of them."""

_MOST_STREAMS: Final = 1 << 14
"""Streams that one file may be made of; parallel compressors write one for every 64 KiB or more of text."""

_XZ_MEMORY: Final = 256 << 20
"""Bytes that an xz file may ask for while it is unpacked; `xz -9` asks for 65 MiB."""

CORRUPT_CODE: Final = "compressed-corrupt"
UNAVAILABLE_CODE: Final = "compression-unavailable"


class _Format(NamedTuple):
    """A format: first bytes, name, and what makes a decompressor of one stream and the error that damage raises."""

    magic: bytes
    name: str
    opened: Callable[[], tuple[Any, type[Exception]]]


def _bzip2() -> tuple[Any, type[Exception]]:
    from bz2 import BZ2Decompressor

    return BZ2Decompressor(), OSError


def _gzip() -> tuple[Any, type[Exception]]:
    import zlib

    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16), zlib.error


def _xz() -> tuple[Any, type[Exception]]:
    from lzma import FORMAT_XZ, LZMADecompressor, LZMAError

    return LZMADecompressor(FORMAT_XZ, memlimit=_XZ_MEMORY), LZMAError


def _zstd() -> tuple[Any, type[Exception]]:
    try:
        from compression.zstd import ZstdDecompressor, ZstdError  # type: ignore[import-not-found, unused-ignore]
    except ImportError:  # before Python 3.14
        from backports.zstd import ZstdDecompressor, ZstdError

    return ZstdDecompressor(), ZstdError


_FORMATS: Final = (
    _Format(b"BZh", "bzip2", _bzip2),
    _Format(b"\x1f\x8b", "gzip", _gzip),
    _Format(b"\xfd7zXZ\0", "xz", _xz),
    _Format(b"\x28\xb5\x2f\xfd", "zstd", _zstd),
)


def decompressed(content: bytes, name: str) -> bytes:
    """Return what a compressed file holds, or the content itself when it is not compressed.

    Several streams one after the other, as parallel compressors write them, are unpacked to one text.

    Args:
        content: the whole file.
        name: what messages call it.

    Raises:
        SelboxError: when the data is damaged or cut short (``compressed-corrupt``), when it would take memory out of
            proportion (``file-too-large``), or when this Python lacks the format (``compression-unavailable``).
    """
    kind = next((each for each in _FORMATS if content.startswith(each.magic)), None)
    if kind is None:
        return content
    parts: list[bytes] = []
    room = min(LARGEST, _ALWAYS + _RATIO * len(content))
    place = 0
    for _ in range(_MOST_STREAMS):
        part, place = _one_stream(kind, content, place, room, name)
        parts.append(part)
        room -= len(part)
        if not content.startswith(kind.magic, place):
            break
    else:
        raise SelboxError.of(
            TOO_LARGE_CODE, f"`{name}` is made of more than {_MOST_STREAMS} pieces of {kind.name} data"
        )
    if place < len(content) and content[place:].strip(b"\0"):  # zeros are padding
        raise SelboxError.of(
            CORRUPT_CODE, f"`{name}`: what follows the {kind.name} data at byte {place} is not more of it"
        )
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _one_stream(kind: _Format, content: bytes, place: int, room: int, name: str) -> tuple[bytes, int]:
    """Unpack the stream that begins at a place; return what it holds and the place after it."""
    try:
        decompressor, damage = kind.opened()
    except ImportError as error:
        raise SelboxError.of(
            UNAVAILABLE_CODE,
            f"`{name}` is compressed with {kind.name}, and this Python has no module `{error.name}` to read it",
            help="unpack it first, or install the module",
        ) from None
    parts: list[bytes] = []
    while not decompressor.eof:
        if place >= len(content):
            raise SelboxError.of(
                CORRUPT_CODE, f"`{name}` is cut short: its {kind.name} data goes on after the last byte, {len(content)}"
            )
        fed = content[place : place + _FED]
        try:
            # One byte more than there is room for tells what is too large from what just fits.
            part: bytes = decompressor.decompress(fed, room + 1)
        except damage as error:
            raise SelboxError.of(
                CORRUPT_CODE, f"`{name}` is damaged {kind.name} data, at byte {place} or soon after: {error}"
            ) from None
        place += len(fed)
        room -= len(part)
        if room < 0:
            raise SelboxError.of(
                TOO_LARGE_CODE,
                f"`{name}` unpacks to more than {_ALWAYS >> 20} MiB and {_RATIO} times its size, or than 1 GiB",
                help="if it is meant to be so, unpack it first",
            )
        parts.append(part)
    return b"".join(parts), place - len(decompressor.unused_data)
