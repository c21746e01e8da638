"""Entries of the table of access vectors are checked: all of them at once.

A policy has a hundred thousand entries. They are looked at side by side: as bytes of one place, in which a method of
``bytes`` finds what does not belong there, or in long numbers, in which a step of the interpreter is one for all.
"""

import sys
from array import array
from collections.abc import Sequence
from struct import Struct

from selbox.binary.cursor import Cursor
from selbox.model.rules import RuleKind
from selbox.typing import Final, NamedTuple, NoReturn

ENTRY: Final = Struct("<HHHHI")
"""Source, target, class, kind and data."""

ENABLED: Final = 0x8000
"""Set in the kind of an entry in the branch of a conditional that holds at first."""

PLAIN_KINDS: Final = bytes(map(int, RuleKind))

SIZE: Final = ENTRY.size

_MANY: Final = 8192
"""Entries that are looked at at once, in memory that the next ones use again."""

_TYPES: Final = Struct("=HH")
"""Source and target."""
_KEY_SIZE: Final = 8
_TOP_BIT: Final = 0x8000
_IS_TYPE_RULE: Final = bytes(kind in PLAIN_KINDS and kind > RuleKind.DONTAUDIT for kind in range(256))


class Limits(NamedTuple):
    """What the numbers of entries are checked against.

    Attributes:
        are_attributes: for each type and attribute whether it is one of the latter.
        classes: how many classes there are.
    """

    are_attributes: Sequence[bool]
    classes: int


class Entries:
    """Takes runs of plain entries as they stand in the file, and checks them.

    Args:
        cursor: for messages.
        limits: of the policy.
    """

    def __init__(self, cursor: Cursor, limits: Limits) -> None:
        self._cursor = cursor
        self._limits = limits
        self._types = {number for number, other in enumerate(limits.are_attributes, 1) if not other}
        self._pieces: list[bytes] = []
        self._offsets: list[int] = []
        self._known_patterns: dict[int, tuple[int, int, int]] = {}

    def add(self, content: bytes, offset: int) -> None:
        """Take a run.

        Args:
            content: entries whose kinds are, but for their high bytes, of :data:`PLAIN_KINDS`.
            offset: where it stands in the file.
        """
        self._pieces.append(content)
        self._offsets.append(offset)

    def checked(self, *, are_conditional: bool) -> bytes:
        """Return the entries so far, in the order of the file, and forget them.

        Raises:
            SelboxError: ``binary-corrupt``, when a number of them names nothing, or a rule that always holds stands
                there twice.
        """
        content = b"".join(self._pieces)
        keys: set[int] = set()
        for first in range(0, len(content) // SIZE, _MANY):
            some = content[first * SIZE : (first + _MANY) * SIZE]
            self._check_kinds(some[7::SIZE], first, are_conditional=are_conditional)
            self._check_classes(some[4::SIZE], some[5::SIZE], first)
            words = native(array("I", some))
            self._check_types(words[0::3], first)
            self._check_results(some[6::SIZE], words, first)
            if not are_conditional:
                keys.update(_keys(some))
        if not are_conditional and len(keys) < len(content) // SIZE:
            self._refuse_repetition(content)
        self._pieces, self._offsets = [], []
        return content

    def _check_kinds(self, high_bytes: bytes, first: int, *, are_conditional: bool) -> None:
        possible = bytes((0, ENABLED >> 8)) if are_conditional else b"\0"
        if high_bytes.translate(None, possible):
            row = next(row for row, each in enumerate(high_bytes) if each not in possible)
            offset = self._offset(first + row)
            kind = ENTRY.unpack_from(self._cursor.data, offset)[3]
            self._cursor.corrupt(f"an entry is of kind {kind:#x}", offset + 6)

    def _check_classes(self, low_bytes: bytes, high_bytes: bytes, first: int) -> None:
        """Refuse entries with a class that is not there."""
        classes = self._limits.classes
        if not high_bytes.strip(b"\0") and not low_bytes.translate(None, bytes(range(1, min(classes + 1, 256)))):
            return
        for row, (low, high) in enumerate(zip(low_bytes, high_bytes, strict=True), first):
            if not 1 <= high << 8 | low <= classes:
                self._refuse(row, "class", high << 8 | low, classes)

    def _check_types(self, pairs: "array[int]", first: int) -> None:
        """Refuse entries with a source or target that is not there: the lower and the upper half of a word."""
        types = len(self._limits.are_attributes)
        if types < _TOP_BIT:
            numbers = int.from_bytes(pairs.tobytes(), sys.byteorder)
            ones, highest, tops = self._patterns(len(pairs))
            # Where a number is 0, or beyond the limit, one of the differences borrows: a top bit shows there.
            if not (numbers | numbers - ones | highest - numbers) & tops:
                return
        for row, pair in enumerate(pairs, first):
            for what, number in (("source", pair & 0xFFFF), ("target", pair >> 16)):
                if not 1 <= number <= types:
                    self._refuse(row, what, number, types)

    def _patterns(self, rows: int) -> tuple[int, int, int]:
        """Return for the types of many entries side by side: 1, the highest that each can be, and its top bit."""
        if rows not in self._known_patterns:
            each_type = 1, len(self._limits.are_attributes), _TOP_BIT
            ones, highest, tops = [int.from_bytes(_TYPES.pack(each, each) * rows, sys.byteorder) for each in each_type]
            self._known_patterns[rows] = ones, highest, tops
        return self._known_patterns[rows]

    def _check_results(self, kinds: bytes, words: "array[int]", first: int) -> None:
        """Refuse type rules that result in no type.

        Args:
            kinds: of entries, a byte each.
            words: the entries, of which every third word is the data.
            first: row of the first.
        """
        row = -1
        # Few entries are type rules, and what stands between them is skipped at once.
        for others in kinds.translate(_IS_TYPE_RULE).split(b"\1")[:-1]:
            row += len(others) + 1
            number = words[3 * row + 2]
            if number not in self._types:
                self._cursor.corrupt(
                    f"a type rule results in number {number}, which is no type; there are "
                    f"{len(self._limits.are_attributes)}",
                    self._offset(first + row),
                )

    def _refuse_repetition(self, content: bytes) -> NoReturn:
        """Report an entry whose source, target, class and kind were there before."""
        keys = _keys(content)
        last = {key: row for row, key in enumerate(keys)}
        row = next(last[key] for row, key in enumerate(keys) if last[key] != row)
        self._cursor.corrupt("an entry stands there for the second time", self._offset(row))

    def _refuse(self, row: int, what: str, number: int, limit: int) -> NoReturn:
        self._cursor.corrupt(f"an entry has {what} number {number} of {limit}", self._offset(row))

    def _offset(self, row: int) -> int:
        """Return where an entry stands in the file."""
        for offset, piece in zip(self._offsets, self._pieces, strict=True):
            if row * SIZE < len(piece):
                return offset + row * SIZE
            row -= len(piece) // SIZE
        return self._cursor.offset


def _keys(content: bytes) -> "array[int]":
    """Return a number for the source, target, class and kind of each entry, whose kind is less than 256."""
    pieces = bytearray(len(content) // SIZE * _KEY_SIZE)
    # The upper byte of a class is last, and that of a kind is 0: most keys are of six bytes, and small in memory.
    for place, byte in enumerate((0, 2, 4, 6, 1, 3, 5)):
        pieces[place::_KEY_SIZE] = content[byte::SIZE]
    return array("Q", pieces)


def native(words: "array[int]") -> "array[int]":
    """Return little-endian words of a file as numbers, in place."""
    if sys.byteorder == "big":
        words.byteswap()
    return words
