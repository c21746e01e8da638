"""The map from each type to its attributes, which is the end of the file."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from struct import Struct, error

from selbox.binary.cursor import Cursor
from selbox.binary.kernel.identities import RawTypes
from selbox.model.bitset import members
from selbox.model.policy import Policy
from selbox.model.symbols import Type
from selbox.typing import NoReturn

_HEADER = Struct("<III")
_WORD = Struct("<IQ")
_ALL = (1 << 64) - 1

Word = tuple[int, int]
"""The number that a word of a bitmap begins at, and its 64 bits."""


def read_type_attributes(cursor: Cursor, types: RawTypes) -> list[int]:
    """Read the map.

    Many types have the same attributes, so that words of their bitmaps are taken apart once for all of these.

    Returns:
        For each type just itself, and for each attribute its types, as bitsets.
    """
    cursor.section = "type attributes"
    count = len(types.names)
    if count * _HEADER.size > cursor.left:
        cursor.truncated(count * _HEADER.size)
    first = cursor.offset
    held = [0] * count
    for (start, word), indexes in _read_words(cursor, count).items():
        if word & ~(types.attributes >> start & _ALL):
            # The word is without the type itself, and so there is nothing else in it but attributes.
            _fail(cursor, types, first, indexes[0])
        # The kernel expands no attribute.
        holders = _bits(indexes) & ~types.attributes
        for attribute in members(word):
            held[start + attribute] |= holders
    return [held[index] if is_attribute else 1 << index for index, is_attribute in enumerate(types.are_attributes)]


def _read_words(cursor: Cursor, count: int) -> dict[Word, list[int]]:
    """Read a bitmap for each type.

    Returns:
        The ids of the types whose bitmaps have a word, ascending, by the words. Each type's own bit is left out, and so
        are words that have no other.
    """
    words: defaultdict[Word, list[int]] = defaultdict(list)
    data, offset = cursor.data, cursor.offset
    header_of, words_of = _HEADER.unpack_from, _WORD.iter_unpack
    own_words = [1 << bit for bit in range(64)]
    for index in range(count):
        at = offset
        try:
            size, high, length = header_of(data, at)
        except error:
            cursor.offset = at
            cursor.truncated(_HEADER.size)
        begin = at + _HEADER.size
        offset = begin + length * _WORD.size
        if offset > len(data):
            cursor.offset = at
            cursor.truncated(offset - at)
        own, own_word = index & -64, own_words[index & 63]
        end = 0
        for start, word in words_of(data[begin:offset]):
            if start < end or start & 63 or not word:
                cursor.corrupt(
                    f"a word of a bitmap is {word:#x} from bit {start} on; one that is not 0 is due, from bit {end} on",
                    at,
                )
            end = start + 64
            if start != own:
                words[start, word].append(index)
            elif word != own_word:
                words[start, word & ~own_word].append(index)
        if size != 64 or high != end or end - 63 > count:
            cursor.corrupt(
                f"a bitmap of {length} words of {size} bits ends at bit {high}; {count} bits are possible", at
            )
    cursor.offset = offset
    return words


def _fail(cursor: Cursor, types: RawTypes, offset: int, index: int) -> NoReturn:
    """Report the bitmap of a type.

    Args:
        cursor: of the file.
        types: of the policy.
        offset: where the map begins.
        index: id of the type.
    """
    for _ in range(index):
        offset += _HEADER.size + _HEADER.unpack_from(cursor.data, offset)[2] * _WORD.size
    cursor.corrupt(f"`{types.names[index]}` has an attribute that is none", offset)


def _bits(ids: Sequence[int]) -> int:
    """Return a set of ascending ids; several times quicker than ``bitset`` for thousands."""
    content = bytearray((ids[-1] >> 3) + 1)
    for each in ids:
        content[each >> 3] |= 1 << (each & 7)
    return int.from_bytes(content, "little")


def complete_types(types: RawTypes, held: Sequence[int], permissive: int, neveraudit: int) -> tuple[Type, ...]:
    """Return the final types.

    Args:
        types: as the symbol table has them.
        held: the types of each attribute, as :func:`read_type_attributes` returns them.
        permissive: bitset of type numbers, which are ids plus one.
        neveraudit: likewise.
    """
    count = len(types.names)
    aliases: list[tuple[str, ...]] = [()] * count
    for index, found in types.aliases.items():
        aliases[index] = found
    columns = (
        types.names,
        types.are_attributes,
        held,
        aliases,
        _flags(permissive, count),
        types.bounds,
        _flags(neveraudit, count),
    )
    # Thousands of named tuples are made at half the cost where no function of Python is called for each.
    return tuple(map(partial(tuple.__new__, Type), zip(*columns, strict=True)))


def _flags(numbers: int, count: int) -> list[bool]:
    flags = [False] * count
    for number in members(numbers):
        flags[number - 1] = True
    return flags


def type_attributes_bytes(policy: Policy) -> bytes:
    """Return the map from the types of a policy to their attributes."""
    held: list[list[int]] = [[] for _ in policy.types]
    for index, each in enumerate(policy.types):
        if each.is_attribute:
            for member in members(each.types):
                held[member].append(index)
    return attribute_map_bytes(map(tuple, held))


def attribute_map_bytes(held: Iterable[tuple[int, ...]]) -> bytes:
    """Return the map from types to their attributes.

    Args:
        held: for each type and attribute, in their order, the ids of the attributes that it is in, ascending. Each is
            written with itself, an attribute too, as in libsepol.
    """
    known: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    word, head = _WORD.pack, _HEADER.pack
    parts = []
    for number, attributes in enumerate(held):
        words = known.get(attributes)
        if words is None:
            words = known[attributes] = _words(attributes)
        start, own = number & -64, 1 << (number & 63)
        written = []
        for each, bits in words:
            if each < start or not own:
                written.append(word(each, bits))
            elif each == start:
                written.append(word(each, bits | own))
                own = 0
            else:
                written += (word(start, own), word(each, bits))
                own = 0
        if own:
            written.append(word(start, own))
        last = max(start, words[-1][0] if words else 0)
        parts.append(head(64, last + 64, len(written)) + b"".join(written))
    return b"".join(parts)


def _words(numbers: Iterable[int]) -> list[tuple[int, int]]:
    words: dict[int, int] = {}
    for number in numbers:
        start = number & -64
        words[start] = words.get(start, 0) | 1 << (number & 63)
    return list(words.items())
