"""Extensible bitmaps: sets of small numbers, as every binary format of SELinux writes them.

A bitmap is the size of its words (always 64), the bit after its last word, the number of words, and for each word
that is not empty its first bit and its 64 bits.
"""

from struct import Struct, error, unpack

from selbox.binary.cursor import Cursor
from selbox.typing import Final

LARGEST: Final = 1 << 20
"""Bits that a bitmap may have where nothing better is known: more than any policy has types, and 128 KB."""

_HEADER = Struct("<III")
_WORD = Struct("<IQ")
_START = Struct("<I8x")
_FEW = 8 * _WORD.size
"""Bytes of words that are put together one by one; joining bytes is quicker for more."""
_EMPTY = _HEADER.pack(64, 0, 0)


def read_ebitmap(cursor: Cursor, limit: int = LARGEST) -> int:
    """Read a bitmap as a set (``selbox.model.bitset``): bit ``n`` is set when number ``n`` is in it.

    Args:
        cursor: stands at the bitmap.
        limit: numbers of this size or larger, rounded up to 64, are an error. Callers give the size of the symbol
            table that the bitmap is about: 24 bytes can ask for 512 MB.

    Raises:
        SelboxError: ``binary-truncated`` or ``binary-corrupt``.

    Source: ``ebitmap_read`` of the kernel's SELinux and of libsepol.
    """
    data, offset = cursor.data, cursor.offset
    try:
        size, high, count = _HEADER.unpack_from(data, offset)
    except error:
        cursor.truncated(_HEADER.size)
    if size != 64 or high & 63 or (high and not count):
        cursor.corrupt(f"a bitmap of {count} words of {size} bits cannot end at bit {high}")
    if not count:
        cursor.offset = offset + 12
        return 0
    if high - 63 > limit:
        cursor.corrupt(f"a bitmap ends at bit {high}, and at most {limit} are expected")
    cursor.room -= high >> 3
    if cursor.room < 0:
        cursor.corrupt("the bitmaps so far take memory out of proportion to the file")
    end = offset + 12 + 12 * count
    if end > len(data):
        cursor.truncated(12 + 12 * count)
    cursor.offset = end
    start, bits = _WORD.unpack_from(data, offset + 12)
    if count == 1:
        if start + 64 != high or not bits:
            cursor.corrupt(f"the word of a bitmap begins at bit {start}, and the bitmap ends at {high}", offset)
        return int(bits) << int(start)
    return _joined(cursor, data[offset + 12 : end], high)


def _joined(cursor: Cursor, words: bytes, high: int) -> int:
    """Return the set of two words or more."""
    if len(words) <= _FEW:
        bits = end = 0
        for start, word in _WORD.iter_unpack(words):
            if not end <= start < high or start & 63:
                cursor.corrupt(f"a word of a bitmap begins at bit {start} and not between {end} and {high}")
            bits |= word << start
            end = start + 64
        if end != high:
            cursor.corrupt(f"the last word of a bitmap ends at bit {end}, and the bitmap at {high}")
        return bits
    starts: list[int] = [start for (start,) in _START.iter_unpack(words)]
    first = starts[0]
    if starts[-1] + 64 != high or first & 63:
        cursor.corrupt(f"the words of a bitmap begin at bits {first} to {starts[-1]}, and it ends at {high}")
    pieces = [words[at : at + 8] for at in range(4, len(words), 12)]
    if (high - first) >> 6 != len(starts) or starts != list(range(first, high, 64)):
        expected = first
        filled: list[bytes] = []
        for start, piece in zip(starts, pieces, strict=True):
            if not expected <= start < high or start & 63:
                cursor.corrupt(f"a word of a bitmap begins at bit {start} and not between {expected} and {high}")
            filled += (bytes((start - expected) >> 3), piece)
            expected = start + 64
        pieces = filled
    return int.from_bytes(b"".join(pieces), "little") << first


def ebitmap_bytes(bits: int) -> bytes:
    """Return a set as a bitmap.

    Source: ``ebitmap_write`` of libsepol.
    """
    if not bits:
        return _EMPTY
    count = (bits.bit_length() + 63) >> 6
    if count == 1:
        return _HEADER.pack(64, 64, 1) + _WORD.pack(0, bits)
    words = unpack(f"<{count}Q", bits.to_bytes(count * 8, "little"))
    pieces = [_WORD.pack(index << 6, word) for index, word in enumerate(words) if word]
    return _HEADER.pack(64, count << 6, len(pieces)) + b"".join(pieces)
