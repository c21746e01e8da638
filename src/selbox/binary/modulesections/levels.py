"""Levels with sets of categories, as contexts and old versions have them.

Source: ``mls_read_level``, ``mls_read_range_helper`` and ``mls_level_to_semantic`` of libsepol's ``policydb.c``.
"""

from selbox.binary.modulesections.reader import ModuleReader
from selbox.binary.modulesections.values import ContextLevel, SemanticLevel
from selbox.model.bitset import members


def read_level(reader: ModuleReader) -> ContextLevel:
    """Read a sensitivity and a set of categories."""
    return ContextLevel(reader.cursor.u32(), reader.bitmap())


def read_range(reader: ModuleReader) -> tuple[ContextLevel, ContextLevel]:
    """Read a low and a high level; where only one is there, it is both.

    Raises:
        SelboxError: ``binary-truncated`` or ``binary-corrupt``.
    """
    cursor = reader.cursor
    count = cursor.u32()
    if not 1 <= count <= 2:
        cursor.corrupt(f"a range of {count} levels; it has one or two", cursor.offset - 4)
    sensitivities = cursor.u32s(count)
    levels = [ContextLevel(each, reader.bitmap()) for each in sensitivities]
    return levels[0], levels[-1]


def as_semantic(level: ContextLevel) -> SemanticLevel:
    """Return a level with its categories as ranges, the last first."""
    ranges: list[tuple[int, int]] = []
    first = last = -1
    for each in members(level.categories):
        if each != last + 1 or first < 0:
            if first >= 0:
                ranges.append((first + 1, last + 1))
            first = each
        last = each
    if first >= 0:
        ranges.append((first + 1, last + 1))
    return SemanticLevel(level.sensitivity, tuple(reversed(ranges)))
