"""The map from each type to its attributes, which is the end of the file."""

from collections.abc import Sequence

from selbox.binary.cursor import Cursor
from selbox.binary.ebitmap import ebitmap_of, read_words
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
    unpacked: dict[tuple[int, int], tuple[int, ...]] = {}
    result: list[list[int]] = [[] for _ in range(count)]
    for index, each in enumerate(types):
        start = cursor.offset
        for word in read_words(cursor, count):
            if word[0] == index & -64:
                word = (word[0], word[1] & ~(1 << (index & 63)))
            held = unpacked.get(word)
            if held is None:
                bits = word[1] << word[0]
                if bits & ~attributes:
                    cursor.corrupt(f"`{each.name}` has an attribute that is none", start)
                held = unpacked[word] = tuple(members(bits))
            if not each.is_attribute:  # the kernel expands no attribute
                for attribute in held:
                    result[attribute].append(index)
        if not each.is_attribute:
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
    held: list[list[int]] = [[] for _ in policy.types]
    for index, each in enumerate(policy.types):
        held[index].append(index)
        if each.is_attribute:
            for member in members(each.types):
                held[member].append(index)
    return b"".join(map(ebitmap_of, held))
