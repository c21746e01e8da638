"""Entries of the table of access vectors to columns of rules: all of them at once.

A policy has a hundred thousand entries. They are checked and made ids side by side in long numbers, in which a step of
the interpreter is one for all of them.
"""

import sys
from array import array
from collections.abc import Callable, Sequence
from itertools import compress
from struct import Struct

from selbox.binary.cursor import Cursor
from selbox.model.rules import NO_ORIGIN, KeyedRules, RuleKind
from selbox.typing import Final, NamedTuple

ENTRY: Final = Struct("<HHHHI")
"""Source, target, class, kind and data."""

ENABLED: Final = 0x8000
"""Set in the kind of an entry in the branch of a conditional that holds at first."""

PLAIN_KINDS: Final = bytes(map(int, RuleKind))

_SIZE: Final = ENTRY.size
_KEY_SIZE: Final = 6
"""Bytes of source, target and class."""
_HALF: Final = Struct("<H")
_TOP_BIT: Final = 0x8000

_MANY: Final = 8192
"""Entries that are taken in at once, in memory that the next ones use again."""

_DONTAUDIT: Final = int(RuleKind.DONTAUDIT)
_TYPE_KINDS: Final = bytes(kind for kind in PLAIN_KINDS if kind > _DONTAUDIT)
_ACCESS_KINDS: Final = bytes(kind for kind in PLAIN_KINDS if kind <= _DONTAUDIT)
_IS_DONTAUDIT: Final = bytes(0xFF * (kind == _DONTAUDIT) for kind in range(256))
_IS_TYPE_RULE: Final = bytes(kind in _TYPE_KINDS for kind in range(256))


class Limits(NamedTuple):
    """What the numbers of entries are checked against.

    Attributes:
        are_attributes: for each type and attribute whether it is one of the latter.
        classes: how many classes there are.
    """

    are_attributes: Sequence[bool]
    classes: int

    @property
    def of_keys(self) -> tuple[int, int, int]:
        """The highest number of a source, of a target and of a class."""
        return len(self.are_attributes), len(self.are_attributes), self.classes


class Entries:
    """Takes runs of plain entries as they stand in the file, and makes columns of them.

    Args:
        cursor: for messages.
        limits: of the policy.
    """

    def __init__(self, cursor: Cursor, limits: Limits) -> None:
        self._cursor = cursor
        self._limits = limits
        self._pieces: list[bytes] = []
        self._offsets: list[int] = []
        self._conditions: list[bytes] = []
        self._known_patterns: dict[int, tuple[int, int, int]] = {}

    def add(self, content: bytes, offset: int, condition: int) -> None:
        """Take a run.

        Args:
            content: entries whose kinds are, but for their high bytes, of :data:`PLAIN_KINDS`.
            offset: where it stands in the file.
            condition: as in the column of that name.
        """
        self._pieces.append(content)
        self._offsets.append(offset)
        self._conditions.append(array("I", [condition]).tobytes() * (len(content) // _SIZE))

    def columns(self, *, are_conditional: bool) -> KeyedRules:
        """Return the rules so far, in the order of the file, and forget them.

        Raises:
            SelboxError: ``binary-corrupt``, when a number of them names nothing, or a rule that always holds stands
                there twice.
        """
        content = b"".join(self._pieces)
        rules = KeyedRules()
        for start in range(0, len(content), _MANY * _SIZE):
            self._take(rules, content[start : start + _MANY * _SIZE], are_conditional=are_conditional)
        if not are_conditional:
            self._check_keys(content)
            rules.keyed = len(rules)
        rules.condition.frombytes(b"".join(self._conditions))
        rules.origin = array("I", [NO_ORIGIN]) * len(rules)
        self._pieces, self._offsets, self._conditions = [], [], []
        return rules

    def _take(self, rules: KeyedRules, content: bytes, *, are_conditional: bool) -> None:
        """Add entries to the columns of rules, all but conditions and origins."""
        first = len(rules)
        kinds = content[6::_SIZE]
        self._check_kinds(content[7::_SIZE], first, are_conditional=are_conditional)
        ids = self._ids(content, first)
        rules.source.extend(_words((ids[0::_KEY_SIZE], ids[1::_KEY_SIZE])))
        rules.target.extend(_words((ids[2::_KEY_SIZE], ids[3::_KEY_SIZE])))
        rules.object_class.extend(_words((ids[4::_KEY_SIZE], ids[5::_KEY_SIZE])))
        rules.data.extend(self._data(kinds, _array("I", content)[2::3], first))
        rules.kind.extend(_words((kinds,)))

    def _check_kinds(self, high_bytes: bytes, first: int, *, are_conditional: bool) -> None:
        possible = bytes((0, ENABLED >> 8)) if are_conditional else b"\0"
        if high_bytes.translate(None, possible):
            row = next(row for row, each in enumerate(high_bytes) if each not in possible)
            offset = self._offset(first + row)
            kind = ENTRY.unpack_from(self._cursor.data, offset)[3]
            self._cursor.corrupt(f"an entry is of kind {kind:#x}", offset + 6)

    def _ids(self, content: bytes, first: int) -> bytes:
        """Return source, target and class of entries less one, half a word each, the lower byte first.

        Args:
            content: the entries.
            first: the row of the first.
        """
        rows = len(content) // _SIZE
        keys = bytearray(rows * _KEY_SIZE)
        for place in range(_KEY_SIZE):
            keys[place::_KEY_SIZE] = content[place::_SIZE]
        if max(self._limits.of_keys) >= _TOP_BIT:
            self._check_ids(content, first)
            return b"".join([_HALF.pack(number - 1) for number in _array("H", bytes(keys))])
        ones, top_bits, limits = self._patterns(rows)
        numbers = int.from_bytes(keys, "little")
        ids = (numbers | top_bits) - ones
        # Each has a top bit, or is too large. It lends that to a 0, and so does a limit to what is beyond it.
        if numbers & top_bits or ids & limits - numbers & top_bits != top_bits:
            self._check_ids(content, first)
        return (ids ^ top_bits).to_bytes(len(keys), "little")

    def _patterns(self, rows: int) -> tuple[int, int, int]:
        """Return for the numbers of many entries side by side: 1; a top bit; the largest that each can be, and that."""
        if rows not in self._known_patterns:
            limits = [limit | _TOP_BIT for limit in self._limits.of_keys]
            one_entry = [b"".join([_HALF.pack(each) for each in key]) for key in ((1,) * 3, (_TOP_BIT,) * 3, limits)]
            ones, top_bits, highest = [int.from_bytes(each * rows, "little") for each in one_entry]
            self._known_patterns[rows] = ones, top_bits, highest
        return self._known_patterns[rows]

    def _check_ids(self, content: bytes, first: int) -> None:
        """Refuse entries with a source, target or class that is not there."""
        halves = _array("H", content)
        for place, (what, limit) in enumerate(zip(("source", "target", "class"), self._limits.of_keys, strict=True)):
            for row, number in enumerate(halves[place::6]):
                if not 1 <= number <= limit:
                    self._cursor.corrupt(f"an entry has {what} number {number} of {limit}", self._offset(first + row))

    def _data(self, kinds: bytes, data: "array[int]", first: int) -> "array[int]":
        """Return permissions, for ``dontaudit`` those that are not audited, and ids of types."""
        if not kinds.translate(None, _ACCESS_KINDS[:-1]):
            return data
        are_types = kinds.translate(_IS_TYPE_RULE)
        self._check_results(set(compress(data, are_types)), lambda number: first + self._row(number, data, are_types))
        turned = _words((kinds.translate(_IS_DONTAUDIT),) * 4).tobytes()
        together = int.from_bytes(data.tobytes(), sys.byteorder) ^ int.from_bytes(turned, sys.byteorder)
        together -= int.from_bytes(_words((are_types,)).tobytes(), sys.byteorder)
        return _native(together.to_bytes(4 * len(data), sys.byteorder))

    @staticmethod
    def _row(number: int, data: "array[int]", are_types: bytes) -> int:
        return next(row for row, each in enumerate(data) if are_types[row] and each == number)

    def _check_results(self, numbers: set[int], row_of: Callable[[int], int]) -> None:
        are_attributes = self._limits.are_attributes
        for number in numbers:
            if not 1 <= number <= len(are_attributes) or are_attributes[number - 1]:
                self._cursor.corrupt(
                    f"a type rule results in number {number}, which is no type; there are {len(are_attributes)}",
                    self._offset(row_of(number)),
                )

    def _check_keys(self, content: bytes) -> None:
        """Refuse entries whose source, target, class and kind were there before."""
        pieces = bytearray(len(content) // _SIZE * 8)
        # The high byte of a class is last, and that of a kind is 0: most keys are of six bytes, and small in memory.
        for place, byte in enumerate((0, 2, 4, 6, 1, 3, 5)):
            pieces[place::8] = content[byte::_SIZE]
        keys = array("Q", bytes(pieces))
        if len(set(keys)) == len(keys):
            return
        last = {key: row for row, key in enumerate(keys)}
        row = next(last[key] for row, key in enumerate(keys) if last[key] != row)
        self._cursor.corrupt("an entry stands there for the second time", self._offset(row))

    def _offset(self, row: int) -> int:
        """Return where an entry stands in the file."""
        for offset, piece in zip(self._offsets, self._pieces, strict=True):
            if row * _SIZE < len(piece):
                return offset + row * _SIZE
            row -= len(piece) // _SIZE
        return self._cursor.offset


def _words(low_bytes: Sequence[bytes]) -> "array[int]":
    """Return words whose bytes are given, the lowest first; those that are not given are 0."""
    rows = len(low_bytes[0])
    content = bytearray(4 * rows)
    for index, column in enumerate(low_bytes):
        content[index if sys.byteorder == "little" else 3 - index :: 4] = column
    return _native(content)


def _native(content: bytes | bytearray) -> "array[int]":
    words = array("I")
    words.frombytes(content)
    return words


def _array(code: str, content: bytes) -> "array[int]":
    """Return the file's little-endian numbers."""
    result: array[int] = array(code, content)
    if sys.byteorder == "big":
        result.byteswap()
    return result
