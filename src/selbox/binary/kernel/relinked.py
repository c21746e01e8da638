"""Writes sections of a compiled policy again with other numbers of types, from what was written before.

Tables of a hundred thousand entries are renumbered, hashed and sorted side by side, as the interpreter does it in C.
"""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from operator import itemgetter
from re import finditer
from struct import Struct, unpack

from selbox.binary.kernel.output import encoded, u32s
from selbox.binary.kernel.ruleorder import in_slots
from selbox.binary.kernel.tables import TYPES, symbol_hash
from selbox.binary.kernel.tables import in_slots as in_table_order
from selbox.typing import Final

_ENTRY: Final = Struct("<HHHHI")
_SIZE: Final = _ENTRY.size
_TYPE_KINDS: Final = rb"[\x10\x20\x40]"
_GREATEST_STEPPED: Final = 0x7FFF
_MOST_STEPS: Final = 24
_AT_ONCE: Final = 64


class Numbers:
    """New numbers of types by their old ones.

    Args:
        numbers: by old number, from 0, which stands for none; 0 for what is gone.
        count: how many of these stand in tables that are written again; those behind them are new.

    Attributes:
        changes: whether a number has changed, apart from those that are gone.
        ascending: whether all that stay are in the order that they had.
    """

    def __init__(self, numbers: Sequence[int], count: int) -> None:
        self._numbers = list(numbers)
        here = [(old, new) for old, new in enumerate(numbers[:count]) if new]
        self.changes = any(old != new for old, new in here)
        self.ascending = all(one[1] < other[1] for one, other in pairwise(here))
        self._steps: list[tuple[int, int]] = []
        shift = 0
        for old, new in here:
            if new - old != shift:
                self._steps.append((old, new - old - shift))
                shift = new - old
        self._is_stepped = len(self._steps) <= _MOST_STEPS and count <= _GREATEST_STEPPED

    def __getitem__(self, old: int) -> int:
        return self._numbers[old]

    def column(self, old: "array[int]") -> "array[int]":
        """Return a column of 16 bits with the new numbers; none of them may be of what is gone."""
        if not self.changes or not old:
            return old
        if not self._is_stepped:
            return array("H", gathered(self._numbers, old))
        ones = int.from_bytes(array("H", [1]).tobytes() * len(old), sys.byteorder)
        numbers = result = int.from_bytes(old.tobytes(), sys.byteorder)
        for first, step in self._steps:
            # The highest bit of each number, which is free, tells after an addition which ones reach the first.
            result += (numbers + ones * (0x8000 - first) >> 15 & ones) * step
        renewed = array("H")
        renewed.frombytes(result.to_bytes(2 * len(old), sys.byteorder))
        return renewed

    def entries(self, content: bytes) -> bytes:
        """Return entries of rules with the new numbers; rules about types may result in new ones."""
        halves = _halves(content)
        halves[0::6] = self.column(halves[0::6])
        halves[1::6] = self.column(halves[1::6])
        kinds = halves[3::6].tobytes()[0 if sys.byteorder == "little" else 1 :: 2]
        for match in finditer(_TYPE_KINDS, kinds):
            place = 6 * match.start() + 4
            halves[place] = self._numbers[halves[place]]
        if sys.byteorder == "big":
            halves.byteswap()
        return halves.tobytes()


def _halves(content: bytes) -> "array[int]":
    """Return the file's little-endian numbers of 16 bits."""
    halves = array("H")
    halves.frombytes(content)
    if sys.byteorder == "big":
        halves.byteswap()
    return halves


def gathered(values: Sequence[int], indices: Sequence[int]) -> Iterable[int]:
    """Return the values at some indices."""
    return itemgetter(*indices)(values) if len(indices) > 1 else [values[each] for each in indices]


class Entries:
    """Entries of rules in the order of their sources, targets and classes.

    Args:
        content: the entries, as the file has them.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __len__(self) -> int:
        return len(self._content) // _SIZE

    def chain(self, key: tuple[int, int, int]) -> tuple[int, int]:
        """Return the first entry of a source, target and class, and the one behind the last."""
        rows = range(len(self))
        first = bisect_left(rows, key, key=self._key)
        last = first
        while last < len(self) and self._key(last) == key:
            last += 1
        return first, last

    def rows(self, first: int, last: int) -> list[tuple[int, int, int, int, int]]:
        """Return source, target, class, kind and data of some entries."""
        return list(_ENTRY.iter_unpack(self._content[first * _SIZE : last * _SIZE]))

    def _key(self, row: int) -> tuple[int, int, int]:
        return _ENTRY.unpack_from(self._content, row * _SIZE)[:3]

    def replaced(self, chains: Mapping[tuple[int, int, int], Sequence[tuple[int, int]]]) -> bytes:
        """Return the entries with other chains.

        Args:
            chains: kinds and data of all the entries that a source, target and class has now.
        """
        pieces: list[bytes] = []
        done = 0
        for key in sorted(chains):
            first, last = self.chain(key)
            pieces.append(self._content[done * _SIZE : first * _SIZE])
            pieces += [_ENTRY.pack(*key, kind, data) for kind, data in chains[key]]
            done = last
        pieces.append(self._content[done * _SIZE :])
        return b"".join(pieces)


def entry_bytes(rows: Iterable[tuple[int, int, int, int, int]]) -> bytes:
    """Return entries of source, target, class, kind and data each, as the file has them."""
    return b"".join([_ENTRY.pack(*row) for row in rows])


def in_triple_order(content: bytes) -> bytes:
    """Return entries in the order of their sources, targets and classes."""
    rows = unpack(f"<{'12s' * (len(content) // _SIZE)}", content)
    return b"".join(sorted(rows, key=lambda row: _ENTRY.unpack(row)[:3]))


def access_vectors_bytes(content: bytes) -> bytes:
    """Return the table of rules that always hold, in the order of the file.

    Args:
        content: its entries, in the order of their sources, targets and classes.
    """
    count = len(content) // _SIZE
    if not count:
        return u32s(0)
    words = array("I")
    words.frombytes(content)
    little = sys.byteorder == "little"
    keys = array("I", bytes(8 * count))
    keys[0 if little else 1 :: 2] = words[0::3]
    keys[1 if little else 0 :: 2] = words[1::3]
    together = array("Q")
    together.frombytes(keys.tobytes())
    if not little:
        together.byteswap()
    rows: list[bytes] = []
    for run in Struct(f"<{'12s' * _AT_ONCE}").iter_unpack(content[: count // _AT_ONCE * _AT_ONCE * _SIZE]):
        rows += run
    rows += unpack(f"<{'12s' * (count - len(rows))}", content[len(rows) * _SIZE :])
    order = in_slots(together)
    return u32s(count) + b"".join(itemgetter(*order)(rows) if count > 1 else rows)


def types_bytes(symbols: Mapping[str, tuple[int, int, int]], order: Sequence[str], highest: int) -> bytes:
    """Return the table of types, attributes and aliases.

    Args:
        symbols: number, properties and number of the bounding type of each by its name.
        order: names in the order of an earlier table; some may be gone, and others new.
        highest: the highest number.
    """
    slots = table_slots(len(symbols))
    if table_slots(len(order)) != slots:
        names = list(symbols)
        names = [names[each] for each in in_table_order([encoded(name) for name in names], TYPES.slots)]
    else:
        names = [name for name in order if name in symbols]
        for name in symbols.keys() - set(order):
            names.insert(bisect_left(names, _place(name, slots), key=lambda each: _place(each, slots)), name)
    pack = Struct("<4I").pack
    parts = []
    for name in names:
        content = encoded(name)
        parts.append(pack(len(content), *symbols[name]) + content)
    return u32s(highest, len(parts)) + b"".join(parts)


def table_slots(count: int) -> int:
    """Return how many slots the table of a number of types, attributes and aliases has."""
    slots = TYPES.slots
    while slots < count:
        slots *= 2
    return slots


def _place(name: str, slots: int) -> tuple[int, bytes]:
    content = encoded(name)
    return symbol_hash(content) & slots - 1, content


def names_in_order(section: bytes) -> tuple[str, ...]:
    """Return the names of a table of types in the order of the file."""
    names = []
    offset = 8
    while offset < len(section):
        (length,) = unpack("<I", section[offset : offset + 4])
        offset += 16
        names.append(section[offset : offset + length].decode("utf-8", "surrogateescape"))
        offset += length
    return tuple(names)


def conditionals_parts(section: bytes) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Yield of each conditional of a section where its expression begins and ends, and the entries of its branches."""
    (count,) = unpack("<I", section[:4])
    offset = 4
    for _ in range(count):
        start = offset
        (terms,) = unpack("<I", section[offset + 4 : offset + 8])
        offset += 8 + 8 * terms
        end = offset
        branches = []
        for _ in range(2):
            (entries,) = unpack("<I", section[offset : offset + 4])
            branches.append(section[offset + 4 : offset + 4 + _SIZE * entries])
            offset += 4 + _SIZE * entries
        yield start, end, branches[0], branches[1]


def renumbered_conditionals(section: bytes, numbers: Numbers) -> bytes:
    """Return the conditionals of a policy with other numbers of types."""
    parts = list(conditionals_parts(section))
    renewed = numbers.entries(b"".join([branch for part in parts for branch in part[2:]]))
    pieces = [section[:4]]
    done = 0
    for start, end, *branches in parts:
        pieces.append(section[start:end])
        for branch in branches:
            pieces += (u32s(len(branch) // _SIZE), renewed[done : done + len(branch)])
            done += len(branch)
    return b"".join(pieces)
