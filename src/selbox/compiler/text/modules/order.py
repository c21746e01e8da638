"""The order in which libsepol walks a symbol table: that of its hash buckets.

It shows in what ``pp`` writes, so that the same text needs the same order.

Source: ``symhash`` of libsepol's ``symtab.c`` and ``hashtab_insert`` of its ``hashtab.c``, version 3.4.
"""

from collections.abc import Iterable
from functools import lru_cache

from selbox.typing import Final

COMMON_BUCKETS: Final = 2
ROLE_BUCKETS: Final = 16
TYPE_BUCKETS: Final = 512
"""Buckets that a module's tables of commons, roles and types begin with."""

DECLARATION_BUCKETS: Final = (2, 4, 8, 32, 16, 4, 2, 16)
"""Buckets that the tables of a declaration begin with, in the order of the kinds of symbols (``avrule_block.c``)."""


@lru_cache(maxsize=1 << 14)
def _hash(name: bytes) -> int:
    value = 0
    for byte in name:
        signed = byte if byte < 0x80 else byte | 0xFFFFFF00
        value = ((value << 4 | value >> 28) & 0xFFFFFFFF) ^ signed
    return value


def hash_order(names: Iterable[str], buckets: int) -> list[str]:
    """Return names in the order in which libsepol's table of them has them.

    Args:
        names: the names, each once.
        buckets: how many the table began with; it doubles whenever it holds as many names as buckets.
    """
    encoded = [name.encode("utf-8", "surrogateescape") for name in names]
    while buckets < len(encoded):
        buckets *= 2
    ordered = sorted(encoded, key=lambda name: (_hash(name) & (buckets - 1), name))
    return [name.decode("utf-8", "surrogateescape") for name in ordered]
