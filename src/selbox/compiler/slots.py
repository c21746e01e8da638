"""Where a rule comes in the hash tables of the reference compiler, for what depends on the order in them."""

from collections.abc import Iterable

from selbox.compiler.integers import BITS_32


def slot(values: Iterable[int], slots: int) -> int:
    """Return the number of a slot.

    Args:
        values: parts of the key, 32 bits each.
        slots: how many there are, a power of 2.

    Source: ``avtab_hash`` of libsepol: Austin Appleby's MurmurHash3.
    """
    digest = 0
    for value in values:
        mixed = value * 0xCC9E2D51 & BITS_32
        mixed = (mixed << 15 | mixed >> 17) * 0x1B873593 & BITS_32
        digest ^= mixed
        digest = (digest << 13 | digest >> 19) * 5 + 0xE6546B64 & BITS_32
    digest = (digest ^ digest >> 16) * 0x85EBCA6B & BITS_32
    digest = (digest ^ digest >> 13) * 0xC2B2AE35 & BITS_32
    return (digest ^ digest >> 16) & slots - 1
