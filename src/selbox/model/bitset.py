"""Sets of small ids as Python integers: bit ``n`` is set when id ``n`` is in the set.

An integer is immutable, hashable, compact, and union, intersection and inclusion are one machine operation
per 30 bits, which makes it the form for type sets, role sets, category sets and access vectors alike.
"""

from collections.abc import Iterable, Iterator
from itertools import compress

_DIGIT_VALUES = bytes.maketrans(b"01", b"\0\1")


def bitset(ids: Iterable[int]) -> int:
    """Return the set of the given ids."""
    result = 0
    for each in ids:
        result |= 1 << each
    return result


def members(bits: int) -> Iterator[int]:
    """Iterate over the ids in a set, ascending."""
    if bits.bit_count() * 16 < bits.bit_length():
        return _sparse_members(bits)
    # A dense set is read digit by digit inside the interpreter's C code: ten times faster for thousands of types.
    digits = bin(bits)[:1:-1].encode().translate(_DIGIT_VALUES)
    return compress(range(bits.bit_length()), digits)


def _sparse_members(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def includes(outer: int, inner: int) -> bool:
    """Tell whether every id of ``inner`` is in ``outer``."""
    return inner & ~outer == 0
