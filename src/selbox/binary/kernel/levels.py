"""Sensitivities, categories, levels and ranges."""

from typing import Final

from selbox.binary.cursor import Cursor
from selbox.binary.ebitmap import ebitmap_bytes, read_ebitmap
from selbox.binary.kernel.output import encoded, is_hole, u32s
from selbox.binary.kernel.tables import Names, read_counts, read_name, table_bytes
from selbox.model.mls import LOWEST, Level, LevelRange
from selbox.model.policy import Policy
from selbox.model.symbols import Category, Sensitivity

_MOST_CATEGORIES: Final = 1 << 16


def read_sensitivities(cursor: Cursor) -> tuple[Sensitivity, ...]:
    """Read the table of sensitivities with the categories that each may have."""
    cursor.section = "sensitivities"
    count, entries = read_counts(cursor, 24)
    names = Names(cursor, count)
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
        Sensitivity(name, categories.get(index, 0), tuple(names.aliases.get(index, ())))
        for index, name in enumerate(names.complete("level"))
    )


def read_categories(cursor: Cursor) -> tuple[Category, ...]:
    """Read the table of categories."""
    cursor.section = "categories"
    count, entries = read_counts(cursor, 13)
    names = Names(cursor, count)
    for _ in range(entries):
        length, number, is_alias = cursor.u32s(3)
        names.add(number, read_name(cursor, length), is_alias=bool(is_alias))
    aliases = names.aliases
    return tuple(Category(name, tuple(aliases.get(index, ()))) for index, name in enumerate(names.complete("category")))


def sensitivities_bytes(policy: Policy) -> bytes:
    """Return the table of sensitivities."""
    entries = []
    for index, each in enumerate(policy.sensitivities):
        level = u32s(index + 1) + ebitmap_bytes(each.categories)
        for alias, name in enumerate((each.name, *each.aliases)):
            if not is_hole(name):
                content = encoded(name)
                entries.append((content, b"".join((u32s(len(content), int(alias > 0)), content, level))))
    return table_bytes(len(policy.sensitivities), entries, 16)


def categories_bytes(policy: Policy) -> bytes:
    """Return the table of categories."""
    entries = []
    for index, each in enumerate(policy.categories):
        for alias, name in enumerate((each.name, *each.aliases)):
            if not is_hole(name):
                content = encoded(name)
                entries.append((content, u32s(len(content), index + 1, int(alias > 0)) + content))
    return table_bytes(len(policy.categories), entries, 16)


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
    """Return one level."""
    return u32s(level.sensitivity + 1 if mls else 0) + ebitmap_bytes(level.categories)


def range_bytes(level_range: LevelRange, mls: bool) -> bytes:
    """Return a range; levels that are equal are written once."""
    low, high = level_range
    first = low.sensitivity + 1 if mls else 0
    if low == high:
        return u32s(1, first) + ebitmap_bytes(low.categories)
    return u32s(2, first, high.sensitivity + 1) + ebitmap_bytes(low.categories) + ebitmap_bytes(high.categories)
