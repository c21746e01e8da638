"""Sensitivities, categories, levels and ranges."""

from collections.abc import Iterable
from struct import Struct

from selbox.binary.cursor import Cursor
from selbox.binary.ebitmap import ebitmap_bytes, read_ebitmap
from selbox.binary.kernel.output import encoded, is_hole, u32s
from selbox.binary.kernel.tables import (
    CATEGORIES,
    SENSITIVITIES,
    Orders,
    open_table,
    read_entries,
    read_name,
    table_bytes,
)
from selbox.model.mls import LOWEST, Level, LevelRange
from selbox.model.policy import Policy
from selbox.model.symbols import Category, Sensitivity
from selbox.typing import Final

_MOST_CATEGORIES: Final = 1 << 16
_CATEGORY_HEAD: Final = Struct("<3I")
"""Length of the name, number, whether it is another name."""


def read_sensitivities(cursor: Cursor, orders: Orders) -> tuple[Sensitivity, ...]:
    """Read the table of sensitivities with the categories that each may have."""
    names, entries = open_table(cursor, SENSITIVITIES)
    categories: dict[int, int] = {}
    for _ in range(entries):
        length, is_alias = cursor.u32s(2)
        name = read_name(cursor, length)
        number = cursor.u32()
        bits = read_ebitmap(cursor, _MOST_CATEGORIES)
        index = names.add(number, name, is_alias=bool(is_alias))
        if not is_alias:
            categories[index] = bits
    return tuple(
        Sensitivity(name, categories.get(index, 0), names.aliases.get(index, ()))
        for index, name in enumerate(names.complete(orders))
    )


def read_categories(cursor: Cursor, orders: Orders) -> tuple[Category, ...]:
    """Read the table of categories."""
    names, entries = open_table(cursor, CATEGORIES)
    for (_, number, is_alias), name in read_entries(cursor, entries, _CATEGORY_HEAD):
        names.add(number, name, is_alias=bool(is_alias))
    aliases = names.aliases
    return tuple(Category(name, aliases.get(index, ())) for index, name in enumerate(names.complete(orders)))


def check_sensitivities(cursor: Cursor, sensitivities: Iterable[Sensitivity], categories: int) -> None:
    """Refuse sensitivities that may have categories which do not exist.

    Args:
        cursor: of the file.
        sensitivities: all of them.
        categories: how many there are.
    """
    for each in sensitivities:
        if each.categories >> categories:
            cursor.section = "sensitivities"
            cursor.corrupt(f"sensitivity `{each.name}` has categories that do not exist")


def sensitivities_bytes(policy: Policy) -> bytes:
    """Return the table of sensitivities."""
    entries = {}
    for index, each in enumerate(policy.sensitivities):
        level = u32s(index + 1) + ebitmap_bytes(each.categories)
        for alias, name in enumerate((each.name, *each.aliases)):
            if not is_hole(name):
                content = encoded(name)
                entries[name] = b"".join((u32s(len(content), int(alias > 0)), content, level))
    return table_bytes(SENSITIVITIES, len(policy.sensitivities), entries, policy.binary_form)


def categories_bytes(policy: Policy) -> bytes:
    """Return the table of categories."""
    entries = {}
    for index, each in enumerate(policy.categories):
        for alias, name in enumerate((each.name, *each.aliases)):
            if not is_hole(name):
                content = encoded(name)
                entries[name] = u32s(len(content), index + 1, int(alias > 0)) + content
    return table_bytes(CATEGORIES, len(policy.categories), entries, policy.binary_form)


def read_level(cursor: Cursor, *, mls: bool) -> Level:
    """Read one level; that it exists is not checked."""
    number = cursor.u32()
    return _level(cursor, number, read_ebitmap(cursor, _MOST_CATEGORIES), mls)


def _level(cursor: Cursor, number: int, categories: int, mls: bool) -> Level:
    if not mls:
        if number > 1 or categories:
            cursor.corrupt(f"sensitivity number {number} stands in a policy without MLS")
        return LOWEST
    if not number:
        cursor.corrupt("there is no sensitivity number 0")
    return Level(number - 1, categories)


def read_range(cursor: Cursor, *, mls: bool) -> LevelRange:
    """Read a range: one level that is low and high, or two."""
    count = cursor.u32()
    if not 1 <= count <= 2:
        cursor.corrupt(f"a range has one or two levels, not {count}", cursor.offset - 4)
    numbers = cursor.u32s(count)
    low = _level(cursor, numbers[0], read_ebitmap(cursor, _MOST_CATEGORIES), mls)
    if count == 1:
        return LevelRange(low, low)
    return LevelRange(low, _level(cursor, numbers[1], read_ebitmap(cursor, _MOST_CATEGORIES), mls))


def level_bytes(level: Level, mls: bool) -> bytes:
    """Return one level; without MLS there is nothing in it."""
    return u32s(level.sensitivity + 1) + ebitmap_bytes(level.categories) if mls else _NO_LEVEL


def range_bytes(level_range: LevelRange, mls: bool) -> bytes:
    """Return a range; levels that are equal are written once, and without MLS there is nothing in it."""
    if not mls:
        return u32s(1) + _NO_LEVEL
    low, high = level_range
    if low == high:
        return u32s(1) + level_bytes(low, mls)
    numbers = u32s(2, low.sensitivity + 1, high.sensitivity + 1)
    return numbers + ebitmap_bytes(low.categories) + ebitmap_bytes(high.categories)


_NO_LEVEL: Final = u32s(0) + ebitmap_bytes(0)
