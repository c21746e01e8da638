"""What the readers of all sections of a module share: the cursor, the version, sets, levels and names."""

import re
from struct import Struct, error

from selbox.binary.cursor import Cursor
from selbox.binary.ebitmap import read_ebitmap
from selbox.binary.modulesections.values import RoleSet, SemanticLevel, TypeSet
from selbox.typing import NoReturn

_COUNT = Struct("<8xI")
"""The number of words of a bitmap."""

_NOT_IN_NAMES = re.compile(r"[\x00-\x20\x7f()\";|\ud800-\udfff]")
_NOT_QUOTED = re.compile(r"[\x00\n\"]")
_LONGEST_NAME = 4096
"""Bytes of the longest name or path: that of a path in Linux, and more than CIL has for names."""

_ONE_WORD = 24
"""Bytes of a bitmap of one word."""

_EMPTY_BITMAP = b"\x40" + bytes(11)


class ModuleReader:
    """Reads the parts that sections are made of.

    Attributes:
        cursor: where the module is read.
        version: version of the format (``versions``).
        is_base: whether it is a base module.
        type_sets: every set of types that rules name, once each (``Module.type_sets``).
        permission_lists: every list of classes and permissions that rules name (``Module.permission_lists``).
        set_indices: bytes of a set in the file to its index in ``type_sets``. Equal sets have equal bytes, and no
            set's bytes begin with those of another: where known bytes stand, there is that set.
        list_indices: likewise for ``permission_lists``.
        type_lists: indices of the lists whose numbers are those of types, not sets of permissions.
    """

    __slots__ = (
        "_bitmaps",
        "cursor",
        "is_base",
        "list_indices",
        "permission_lists",
        "set_indices",
        "type_lists",
        "type_sets",
        "version",
    )

    def __init__(self, cursor: Cursor, version: int, is_base: bool) -> None:
        self.cursor = cursor
        self.version = version
        self.is_base = is_base
        self.type_sets: list[TypeSet] = []
        self.permission_lists: list[tuple[tuple[int, int], ...]] = []
        self.set_indices: dict[bytes, int] = {}
        self.list_indices: dict[bytes, int] = {}
        self.type_lists: set[int] = set()
        self._bitmaps: dict[bytes, int] = {}

    def bitmap(self) -> int:
        """Read a set of numbers; bytes that have been read before are the same set."""
        cursor = self.cursor
        data, offset = cursor.data, cursor.offset
        if data.startswith(_EMPTY_BITMAP, offset):
            cursor.offset = offset + 12
            return 0
        known = self._bitmaps.get(data[offset : offset + _ONE_WORD])
        if known is not None:
            cursor.offset = offset + _ONE_WORD
            return known
        try:
            key = data[offset : offset + 12 + 12 * _COUNT.unpack_from(data, offset)[0]]
        except error:
            cursor.truncated(12)
        known = self._bitmaps.get(key)
        if known is not None:
            cursor.offset = offset + len(key)
            return known
        bits = self._bitmaps[key] = read_ebitmap(cursor)
        return bits

    def bitmaps(self, count: int) -> tuple[int, ...]:
        """Read many sets, most of one word."""
        cursor, data, known = self.cursor, self.cursor.data, self._bitmaps.get
        at = cursor.offset
        result = []
        for _ in range(count):
            bits = known(data[at : at + _ONE_WORD])
            if bits is None:
                cursor.offset = at
                bits = self.bitmap()
                at = cursor.offset
            else:
                at += _ONE_WORD
            result.append(bits)
        cursor.offset = at
        return tuple(result)

    def type_set(self) -> TypeSet:
        """Read a set of types as a rule names it."""
        return TypeSet(self.bitmap(), self.bitmap(), self.flags("set of types"))

    def role_set(self) -> RoleSet:
        """Read a set of roles as a rule names it."""
        return RoleSet(self.bitmap(), self.flags("set of roles"))

    def flags(self, what: str) -> int:
        """Read the flags of a set: 0 to 3."""
        flags = self.cursor.u32()
        if flags > 3:
            self.cursor.corrupt(f"a {what} has flags {flags:#x}, and only 1 and 2 are known", self.cursor.offset - 4)
        return flags

    def type_set_index(self, known: int) -> int:
        """Read a set of types and return its index in ``type_sets``.

        Args:
            known: values that types may have.
        """
        index, self.cursor.offset = self.type_set_at(self.cursor.offset, known)
        return index

    def type_set_at(self, at: int, known: int) -> tuple[int, int]:
        """Read a set of types that begins at ``at``, wherever the cursor stands.

        Returns:
            The index in ``type_sets``, and where the set ends.
        """
        cursor, data = self.cursor, self.cursor.data
        try:
            # The bytes of a set end after its two bitmaps, whose words are counted, and its flags.
            second = at + 12 + 12 * _COUNT.unpack_from(data, at)[0]
            end = second + 16 + 12 * _COUNT.unpack_from(data, second)[0]
        except error:
            end = at
        index = self.set_indices.get(data[at:end])
        if index is not None:
            return index, end
        cursor.offset = at
        types = self.bitmap()
        excluded = self.bitmap()
        if (types | excluded) & ~known:
            cursor.corrupt("a set has types that the module does not define", at)
        flags = self.flags("set of types")
        index = self.set_indices[data[at:end]] = len(self.type_sets)
        self.type_sets.append(TypeSet(types, excluded, flags))
        return index, end

    def level(self) -> SemanticLevel:
        """Read a level as its author wrote it."""
        cursor = self.cursor
        sensitivity = cursor.u32()
        ranges = cursor.u32s(2 * cursor.count(8))
        # libsepol puts each range before those that it has read.
        return SemanticLevel(sensitivity, tuple(zip(ranges[-2::-2], ranges[::-2], strict=True)))

    def name(self, size: int) -> str:
        """Read the name of a symbol."""
        cursor = self.cursor
        start = cursor.offset
        end = start + size
        if end > len(cursor.data):
            cursor.truncated(size)
        if size > _LONGEST_NAME:
            cursor.corrupt(f"a name of {size} bytes; none is longer than {_LONGEST_NAME}")
        cursor.offset = end
        name = cursor.data[start:end].decode("utf-8", "surrogateescape")
        if not name.isidentifier() and (not name or _NOT_IN_NAMES.search(name)):
            cursor.corrupt(f"{name!r} cannot be the name of a symbol", start)
        return name

    def text(self, size: int) -> str:
        """Read a path or file name, which may hold anything but line ends and quotation marks."""
        if size > _LONGEST_NAME:
            self.cursor.corrupt(f"a name of {size} bytes; none is longer than {_LONGEST_NAME}")
        text = self.cursor.text(size)
        if not text or _NOT_QUOTED.search(text):
            self.cursor.corrupt(f"{text!r} cannot be a path or file name", self.cursor.offset - size)
        return text

    def unknown(self, what: str, offset: int | None = None) -> NoReturn:
        """Report a number that no symbol has."""
        self.cursor.corrupt(f"{what} refers to a number that nothing in the module has", offset)
