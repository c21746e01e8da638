"""The map from each type to its attributes, which is the end of the file."""

from collections.abc import Sequence

from selbox.binary.cursor import Cursor
from selbox.binary.ebitmap import ebitmap_bytes, read_ebitmap
from selbox.binary.kernel.identities import RawType
from selbox.model.bitset import members
from selbox.model.policy import Policy
from selbox.model.symbols import Type


def read_type_attributes(cursor: Cursor, types: Sequence[RawType]) -> list[int]:
    """Read the map.

    Returns:
        For each type just itself, and for each attribute its types, as bitsets.
    """
    cursor.section = "type attributes"
    count = len(types)
    if count * 12 > cursor.left:
        cursor.truncated(count * 12)
    attributes = 0
    for index, each in enumerate(types):
        if each.is_attribute:
            attributes |= 1 << index
    unpacked: dict[int, tuple[int, ...]] = {}
    result: list[list[int]] = [[] for _ in range(count)]
    for index, each in enumerate(types):
        start = cursor.offset
        bits = read_ebitmap(cursor, count)
        rest = bits & ~(1 << index)
        if rest & ~attributes:
            cursor.corrupt(f"`{each.name}` has an attribute that is none", start)
        if each.is_attribute:
            continue  # the kernel expands no attribute
        held = unpacked.get(rest)
        if held is None:
            held = unpacked[rest] = tuple(members(rest))
        for attribute in held:
            result[attribute].append(index)
        result[index].append(index)
    return [_bits(ids) for ids in result]


def _bits(ids: Sequence[int]) -> int:
    """Return the set of ascending ids; several times quicker than ``bitset`` for thousands."""
    if not ids:
        return 0
    if len(ids) == 1:
        return 1 << ids[0]
    content = bytearray((ids[-1] >> 3) + 1)
    for each in ids:
        content[each >> 3] |= 1 << (each & 7)
    return int.from_bytes(content, "little")


def complete_types(types: Sequence[RawType], held: Sequence[int], permissive: int, neveraudit: int) -> tuple[Type, ...]:
    """Return the final types.

    Args:
        types: as the symbol table has them.
        held: the types of each attribute, as :func:`read_type_attributes` returns them.
        permissive: bitset of type numbers, which are ids plus one.
        neveraudit: likewise.
    """
    return tuple(
        Type(
            name,
            is_attribute,
            held[index],
            aliases,
            bool(permissive >> index + 1 & 1),
            bounds,
            bool(neveraudit >> index + 1 & 1),
        )
        for index, (name, is_attribute, aliases, bounds) in enumerate(types)
    )


def type_attributes_bytes(policy: Policy) -> bytes:
    """Return the map; an attribute has itself, as in libsepol."""
    attributes: list[list[int]] = [[index] for index in range(len(policy.types))]
    for index, each in enumerate(policy.types):
        if each.is_attribute:
            for member in members(each.types):
                attributes[member].append(index)
    return b"".join([ebitmap_bytes(_bits(sorted(each))) for each in attributes])
