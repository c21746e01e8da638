"""A place in a binary file: little-endian values are read one after the other, and errors say where.

Whatever reads a binary format reads it through a cursor, so that a file that is cut off or mangled gives the same
two errors everywhere, each with the section of the file and the byte offset.
"""

from struct import Struct

from selbox.diagnostics import SelboxError
from selbox.typing import NoReturn

_U32 = Struct("<I")
_U64 = Struct("<Q")
_LEAST_ROOM = 4 << 20
_LONGEST_WORDS = 400
_LAYOUTS = 17
_U32S = tuple(Struct(f"<{count}I") for count in range(_LAYOUTS))


class Cursor:
    """Reads a file from its beginning to its end.

    The attributes are there for loops that cannot afford a call for each value: they may read ``data`` at ``offset``
    with their own ``struct.Struct`` and move ``offset`` on. ``Struct.unpack_from`` refuses to read past the end.

    Attributes:
        data: the whole file, or the part of it that is read.
        offset: bytes of ``data`` that are read already.
        name: what messages call the file.
        section: what messages call the part that is being read, such as ``types``; readers set it.
        base: offset of ``data`` in the file, which is added to the offsets of messages.
        room: bytes that bitmaps may still come to: a few bytes of a mangled file can ask for a large one many times.
    """

    __slots__ = ("base", "data", "name", "offset", "room", "section")

    def __init__(self, data: bytes, name: str, section: str, base: int = 0) -> None:
        self.data = data
        self.offset = 0
        self.name = name
        self.section = section
        self.base = base
        self.room = _LEAST_ROOM + 32 * len(data)

    @property
    def left(self) -> int:
        """Bytes that are not read yet."""
        return len(self.data) - self.offset

    def u8(self) -> int:
        """Read one byte."""
        offset = self.offset
        if offset >= len(self.data):
            self.truncated(1)
        self.offset = offset + 1
        return self.data[offset]

    def u32(self) -> int:
        """Read an unsigned number of 32 bits."""
        offset = self.offset
        if offset + 4 > len(self.data):
            self.truncated(4)
        self.offset = offset + 4
        value: int = _U32.unpack_from(self.data, offset)[0]
        return value

    def u64(self) -> int:
        """Read an unsigned number of 64 bits."""
        offset = self.offset
        if offset + 8 > len(self.data):
            self.truncated(8)
        self.offset = offset + 8
        value: int = _U64.unpack_from(self.data, offset)[0]
        return value

    def u32s(self, count: int) -> tuple[int, ...]:
        """Read ``count`` unsigned numbers of 32 bits, at once."""
        offset = self.offset
        size = count * 4
        if offset + size > len(self.data):
            self.truncated(size)
        self.offset = offset + size
        layout = _U32S[count] if count < _LAYOUTS else Struct(f"<{count}I")
        return layout.unpack_from(self.data, offset)

    def count(self, least: int) -> int:
        """Read how many items follow.

        Args:
            least: bytes that the smallest item takes; a count that cannot fit into what is left is an error at once,
                so that nothing is allocated on the word of a mangled file.
        """
        value = self.u32()
        if value * least > self.left:
            self.offset -= 4
            self.corrupt(f"a count of {value} items cannot be right: {self.left - 4} bytes are left")
        return value

    def bytes(self, size: int) -> bytes:
        """Read ``size`` bytes as they are."""
        offset = self.offset
        if offset + size > len(self.data):
            self.truncated(size)
        self.offset = offset + size
        return self.data[offset : offset + size]

    def text(self, size: int) -> str:
        """Read a name of ``size`` bytes; bytes that are no UTF-8 stay what they are, as surrogates."""
        return self.bytes(size).decode("utf-8", "surrogateescape")

    def truncated(self, needed: int) -> NoReturn:
        """Report that the file ends too early.

        Args:
            needed: bytes that should be there at ``offset``.

        Raises:
            SelboxError: always, ``binary-truncated``.
        """
        raise SelboxError.of(
            "binary-truncated",
            f"{self.name}: the file ends in section `{self.section}`: {needed} bytes are needed at byte "
            f"{self.base + self.offset}, and {self.left} are left",
            help="the file is cut off; copy or build it again",
        )

    def corrupt(self, message: str, offset: int | None = None) -> NoReturn:
        """Report bytes that mean nothing.

        Args:
            message: what was found and what was expected.
            offset: where in ``data``, if not at the cursor.

        Raises:
            SelboxError: always, ``binary-corrupt``.
        """
        where = self.base + (self.offset if offset is None else offset)
        place = f"section `{printable(self.section)}`, byte {where}"
        raise SelboxError.of("binary-corrupt", f"{self.name}: {place}: {printable(message)}")


def printable(text: str) -> str:
    """Return words about a mangled file as a terminal can show them: names in it may be any bytes, of any length."""
    shown = text if len(text) <= _LONGEST_WORDS else f"{text[:_LONGEST_WORDS]}…"
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in shown)
