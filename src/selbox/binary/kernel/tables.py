"""What the symbol tables have in common: counts, names for numbers, and libsepol's order of writing.

libsepol keeps symbols in hash tables and writes them slot by slot. Within a slot names ascend, and a table doubles
while it has more names than slots, so that the order follows from the names alone.

Source: ``symhash``, ``hashtab_insert`` and ``symtab_sizes`` of libsepol 3.4. Its order is the only one of its many
versions and of the kernel's that is written here; those who read a policy take any.
"""

from collections.abc import Sequence

from selbox.binary.cursor import Cursor
from selbox.binary.kernel.output import HOLE, u32s

_MOST_HOLES = 4096
_MOST_SYMBOLS = 1 << 16
_ALL = 0xFFFFFFFF


def read_counts(cursor: Cursor, least: int) -> tuple[int, int]:
    """Read the head of a symbol table.

    Args:
        cursor: stands at the table.
        least: bytes that the smallest entry takes.

    Returns:
        The highest number of a symbol, and how many entries follow; some may be aliases.
    """
    start = cursor.offset
    count, entries = cursor.u32s(2)
    if entries * least > cursor.left:
        cursor.corrupt(f"a table of {entries} symbols cannot be right: {cursor.left} bytes are left", start + 4)
    if count > _MOST_SYMBOLS or count > entries + _MOST_HOLES:
        cursor.corrupt(f"symbols have numbers up to {count}, but there are {entries} of them", start)
    return count, entries


def read_name(cursor: Cursor, length: int) -> str:
    """Read a name of a given length."""
    if not length:
        cursor.corrupt("a name is empty")
    name = cursor.text(length)
    if "\0" in name or name.startswith(HOLE):
        cursor.corrupt(f"`{name[:40]!r}` cannot be a name", cursor.offset - length)
    return name


class Names:
    """Collects the names of a symbol table, which come in any order.

    Attributes:
        aliases: further names by id.
    """

    def __init__(self, cursor: Cursor, count: int) -> None:
        self._cursor = cursor
        self._names: list[str | None] = [None] * count
        self._seen: set[str] = set()
        self.aliases: dict[int, list[str]] = {}

    def add(self, number: int, name: str, *, is_alias: bool = False) -> int:
        """Take a name for a number; return the id, which is the number less one."""
        if not 1 <= number <= len(self._names):
            self._cursor.corrupt(f"`{name}` has number {number} of {len(self._names)}")
        if name in self._seen:
            self._cursor.corrupt(f"`{name}` stands twice in the table")
        self._seen.add(name)
        index = number - 1
        if is_alias:
            self.aliases.setdefault(index, []).append(name)
        elif self._names[index] is None:
            self._names[index] = name
        else:
            self._cursor.corrupt(f"`{name}` and `{self._names[index]}` have the same number {number}")
        return index

    def complete(self, kind: str) -> list[str]:
        """Return a name for every id; numbers without a symbol get one that no policy can have, as ``@ttr0012``."""
        return [each if each is not None else f"{HOLE}{kind}{index + 1:04}" for index, each in enumerate(self._names)]


def symbol_hash(name: bytes) -> int:
    """Return the hash of a symbol's name, of which a table takes the low bits.

    The value so far is turned by four bits before each character is joined by exclusive or.
    """
    if name.isascii():
        # Every other character, from the last, is turned by whole bytes, and so four of them lie side by side.
        even = _folded(int.from_bytes(name[::-2], "little"))
        odd = _folded(int.from_bytes(name[-2::-2], "little")) if len(name) > 1 else 0
        return even ^ (odd << 4 & _ALL | odd >> 28)
    value = 0
    for byte in name:
        signed = byte | 0xFFFFFF00 if byte & 0x80 else byte  # as characters are where policies are built
        value = (value << 4 & _ALL | value >> 28) ^ signed
    return value


def _folded(value: int) -> int:
    while value > _ALL:
        value = (value & _ALL) ^ (value >> 32)
    return value


def in_slots(names: Sequence[bytes], slots: int) -> list[int]:
    """Return the places of names in the order in which a hash table gives them.

    Args:
        names: the keys.
        slots: how many slots the table begins with, a power of two.
    """
    while slots < len(names):
        slots *= 2
    mask = slots - 1
    keys = [(symbol_hash(name) & mask, name) for name in names]
    return sorted(range(len(names)), key=keys.__getitem__)


def table_bytes(count: int, entries: list[tuple[bytes, bytes]], slots: int) -> bytes:
    """Return a symbol table.

    Args:
        count: the highest number.
        entries: each name, and its entry as bytes.
        slots: as for :func:`in_slots`.
    """
    order = in_slots([name for name, _ in entries], slots)
    return u32s(count, len(entries)) + b"".join([entries[each][1] for each in order])
