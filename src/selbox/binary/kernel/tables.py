"""What the symbol tables have in common: counts, names for numbers, and libsepol's order of writing.

libsepol keeps symbols in hash tables and writes them slot by slot. Within a slot names ascend, and a table doubles
while it has more names than slots, so that the order follows from the names alone.

Other versions, and the kernel, have other tables: the order of a policy that was read is kept.

Source: ``symhash``, ``hashtab_insert`` and ``symtab_sizes`` of libsepol 3.4.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from struct import Struct, error

from selbox.binary.cursor import Cursor
from selbox.binary.kernel.output import HOLE, encoded, u32s
from selbox.model.binaryform import BinaryForm
from selbox.typing import NamedTuple

_MOST_HOLES = 4096
_MOST_SYMBOLS = 1 << 16
_ALL = 0xFFFFFFFF


Orders = dict[str, tuple[str, ...]]
"""As in ``BinaryForm``."""


class SymbolTable(NamedTuple):
    """One of the tables of symbols.

    Attributes:
        name: what messages call it.
        hole: begins the names of numbers without a symbol.
        least: bytes that the smallest entry takes.
        slots: how many slots libsepol's hash table begins with, a power of two.
    """

    name: str
    hole: str
    least: int
    slots: int


COMMONS = SymbolTable("commons", "common", 17, 2)
CLASSES = SymbolTable("classes", "class", 29, 32)
ROLES = SymbolTable("roles", "role", 37, 16)
TYPES = SymbolTable("types", "ttr", 17, 512)
USERS = SymbolTable("users", "user", 61, 128)
BOOLEANS = SymbolTable("booleans", "boolean", 13, 16)
SENSITIVITIES = SymbolTable("sensitivities", "level", 24, 16)
CATEGORIES = SymbolTable("categories", "category", 13, 16)


def permissions_of(kind: SymbolTable, name: str) -> SymbolTable:
    """Return the table of the permissions of a common or class."""
    return SymbolTable(f"{kind.name} {name}", "permission", 9, 32)


def open_table(cursor: Cursor, table: SymbolTable) -> tuple["Names", int]:
    """Read the head of a symbol table.

    Returns:
        What takes the names, and how many entries follow.
    """
    cursor.section = table.name
    start = cursor.offset
    count, entries = cursor.u32s(2)
    if entries * table.least > cursor.left:
        cursor.corrupt(f"a table of {entries} symbols cannot be right: {cursor.left} bytes are left", start + 4)
    if count > _MOST_SYMBOLS or count > entries + _MOST_HOLES:
        cursor.corrupt(f"symbols have numbers up to {count}, but there are {entries} of them", start)
    return Names(cursor, table, count), entries


def read_entries(
    cursor: Cursor, entries: int, head: Struct, length_at: int = 0
) -> Iterator[tuple[tuple[int, ...], str]]:
    """Iterate over entries that are some numbers and a name; the cursor stands after the last that was asked for.

    Args:
        cursor: stands at the first.
        entries: how many there are.
        head: the numbers.
        length_at: which of them is the length of the name.
    """
    data, offset, numbers_of, size = cursor.data, cursor.offset, head.unpack_from, head.size
    for _ in range(entries):
        try:
            numbers = numbers_of(data, offset)
        except error:
            cursor.truncated(size)
        begin = offset + size
        cursor.offset = offset = begin + numbers[length_at]
        name = data[begin:offset].decode("utf-8", "surrogateescape")
        if not name or offset > len(data) or "\0" in name or name[0] == HOLE:
            cursor.offset = begin
            read_name(cursor, numbers[length_at])
        yield numbers, name


def read_name(cursor: Cursor, length: int) -> str:
    """Read a name of a given length."""
    start = cursor.offset
    end = start + length
    if not length:
        cursor.corrupt("a name is empty")
    if end > len(cursor.data):
        cursor.truncated(length)
    name = cursor.data[start:end].decode("utf-8", "surrogateescape")
    if "\0" in name or name[0] == HOLE:
        cursor.corrupt(f"`{name[:40]!r}` cannot be a name")
    cursor.offset = end
    return name


class Names:
    """Collects the names of a symbol table, which come in any order.

    Args:
        cursor: for messages.
        table: the table that is read.
        count: the highest number.

    Attributes:
        count: likewise.
        aliases: further names by id.
    """

    def __init__(self, cursor: Cursor, table: SymbolTable, count: int) -> None:
        self.count = count
        self.aliases: dict[int, tuple[str, ...]] = {}
        self._cursor = cursor
        self._table = table
        self._names: list[str | None] = [None] * count
        self._seen: dict[str, None] = {}

    def add(self, number: int, name: str, *, is_alias: bool = False) -> int:
        """Take a name for a number; return the id, which is the number less one."""
        if not 1 <= number <= len(self._names):
            self._cursor.corrupt(f"`{name}` has number {number} of {len(self._names)}")
        if name in self._seen:
            self._cursor.corrupt(f"`{name}` stands twice in the table")
        self._seen[name] = None
        index = number - 1
        if is_alias:
            self.aliases[index] = (*self.aliases.get(index, ()), name)
        elif self._names[index] is None:
            self._names[index] = name
        else:
            self._cursor.corrupt(f"`{name}` and `{self._names[index]}` have the same number {number}")
        return index

    @property
    def order(self) -> tuple[str, ...]:
        """The names so far, as they came."""
        return tuple(self._seen)

    def complete(self, orders: Orders | None = None) -> list[str]:
        """Return a name for every id; numbers without a symbol get one that no policy can have, as ``@ttr0012``.

        Args:
            orders: takes the order in which the names came.
        """
        if orders is not None:
            orders[self._table.name] = self.order
        hole = HOLE + self._table.hole
        return [each if each is not None else f"{hole}{index + 1:04}" for index, each in enumerate(self._names)]


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


def table_bytes(table: SymbolTable, count: int, entries: Mapping[str, bytes], form: BinaryForm | None) -> bytes:
    """Return a symbol table.

    Args:
        table: which one.
        count: the highest number.
        entries: each symbol's entry as bytes, by name.
        form: of the file that the policy was read from.
    """
    return u32s(count, len(entries)) + entries_bytes(table, entries, form)


def entries_bytes(table: SymbolTable, entries: Mapping[str, bytes], form: BinaryForm | None) -> bytes:
    """Return a symbol table without its head."""
    return b"".join([entries[name] for name in in_order(table, entries, form)])


def in_order(table: SymbolTable, entries: Mapping[str, bytes], form: BinaryForm | None) -> Iterable[str]:
    """Return the names of a symbol table in the order of the file."""
    order: Iterable[str] | None = form.orders.get(table.name) if form is not None else None
    if order is None or entries.keys() != set(order):
        names = list(entries)
        order = [names[each] for each in in_slots([encoded(name) for name in names], table.slots)]
    return order
