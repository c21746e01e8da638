"""Changes the rules of some sources, targets and classes in the table of a compiled policy, and nothing else in it."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from struct import Struct

from selbox.binary.kernel.accessvectors import entry_bytes
from selbox.binary.kernel.mergedrules import placed_extended
from selbox.binary.kernel.ruleorder import places
from selbox.model.extended import ExtendedRule
from selbox.typing import Final

Triple = tuple[int, int, int]
"""Numbers of source, target and class."""

_ENTRY: Final = Struct("<HHHHI")
_COUNT: Final = Struct("<I")


def with_chains(section: bytes, chains: Mapping[Triple, Sequence[tuple[int, int]]]) -> bytes:
    """Return a table of the rules that always hold in which some are others.

    Args:
        section: the table of a compiled policy without extended rules.
        chains: for each source, target and class kinds and data of all the rules that it has now, as the file has them.
    """
    table = _Table(section)
    packed = {source | target << 16 | class_id << 32: chain for (source, target, class_id), chain in chains.items()}
    count = table.count
    pieces: list[bytes] = []
    done = _COUNT.size
    for place, key in sorted(zip(places(packed), packed, strict=True)):
        first, last = table.rows(place, key)
        chain = packed[key]
        pieces.append(section[done : table.offset(first)])
        pieces += [_ENTRY.pack(key & 0xFFFF, key >> 16 & 0xFFFF, key >> 32, kind, data) for kind, data in chain]
        done = table.offset(last)
        count += len(chain) - (last - first)
    return b"".join((_COUNT.pack(count), *pieces, section[done:]))


def with_extended(section: bytes, rules: Iterable[ExtendedRule]) -> bytes:
    """Return a table of the rules that always hold with extended rules in it.

    Args:
        section: the table of a compiled policy without extended rules.
        rules: those that come to it.
    """
    table = _Table(section)
    placed = placed_extended(rules)
    pieces: list[bytes] = []
    done = _COUNT.size
    for place, rule in placed:
        at = table.offset(table.behind(place))
        pieces += (section[done:at], entry_bytes(rule))
        done = at
    return b"".join((_COUNT.pack(table.count + len(placed)), *pieces, section[done:]))


class _Table:
    """The table of rules."""

    def __init__(self, section: bytes) -> None:
        self._section = section
        (self.count,) = _COUNT.unpack_from(section)

    @staticmethod
    def offset(row: int) -> int:
        return _COUNT.size + row * _ENTRY.size

    def rows(self, place: int, key: int) -> tuple[int, int]:
        """Return the first row of a source, target and class, and the one behind the last."""
        first = bisect_left(range(self.count), place, key=lambda row: places([self._key(row)])[0])
        last = first
        while last < self.count and self._key(last) == key:
            last += 1
        return first, last

    def behind(self, place: int) -> int:
        """Return the first row behind a place."""
        return bisect_right(range(self.count), place, key=lambda row: places([self._key(row)])[0])

    def _key(self, row: int) -> int:
        source, target, object_class, _, _ = _ENTRY.unpack_from(self._section, self.offset(row))
        return int(source | target << 16 | object_class << 32)
