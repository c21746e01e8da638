"""Changes access rules in a compiled binary policy, without writing the rest of it anew."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from struct import Struct
from typing import Final

from selbox.binary.kernel.accessvectors import file_data
from selbox.binary.kernel.ruleorder import places
from selbox.model.rules import RuleKind

Triple = tuple[int, int, int]
"""Ids of source, target and class."""

Chain = Sequence[tuple[int, int]]
"""Kind and data of the merged access rules of one triple, in the order in which they came."""

_ENTRY: Final = Struct("<HHHHI")
_COUNT: Final = Struct("<I")
_FIRST_TYPE_KIND: Final = int(RuleKind.TYPE_TRANSITION)


def with_access_rules(binary: bytes, offset: int, chains: Mapping[Triple, Chain]) -> bytes:
    """Return a policy in which the unconditional access rules of some triples are others.

    Args:
        binary: what ``write_policy`` made of a compiled policy without extended rules.
        offset: where in it the table of the rules that always hold begins.
        chains: for each triple all the access rules that it has now; none where it has lost them.
    """
    (count,) = _COUNT.unpack_from(binary, offset)
    table = _Table(binary, offset + _COUNT.size, count)
    packed = {_packed(triple): triple for triple in chains}
    pieces: list[bytes] = []
    done = table.start
    for place, key in sorted(zip(places(packed), packed, strict=True)):
        first, last = table.access_rules(place, key)
        chain = chains[packed[key]]
        pieces.append(binary[done : table.offset(first)])
        pieces += [
            _ENTRY.pack(*(each + 1 for each in packed[key]), kind, file_data(kind, data)) for kind, data in chain
        ]
        done = table.offset(last)
        count += len(chain) - (last - first)
    return b"".join((binary[:offset], _COUNT.pack(count), *pieces, binary[done:]))


class _Table:
    """The table of rules in a binary."""

    def __init__(self, binary: bytes, start: int, count: int) -> None:
        self.start = start
        self._binary = binary
        self._count = count

    def offset(self, row: int) -> int:
        return self.start + row * _ENTRY.size

    def access_rules(self, place: int, key: int) -> tuple[int, int]:
        """Return the first row of the access rules of a triple, and the one behind the last."""
        first = bisect_left(range(self._count), place, key=lambda row: places([self._key(row)])[0])
        while first < self._count and self._key(first) == key and self._kind(first) >= _FIRST_TYPE_KIND:
            first += 1
        last = first
        while last < self._count and self._key(last) == key:
            last += 1
        return first, last

    def _key(self, row: int) -> int:
        source, target, object_class, _, _ = _ENTRY.unpack_from(self._binary, self.offset(row))
        return int(source | target << 16 | object_class << 32)

    def _kind(self, row: int) -> int:
        return int(_ENTRY.unpack_from(self._binary, self.offset(row))[3])


def _packed(triple: Triple) -> int:
    """Return a triple as the file's numbers, which are ids plus one, in one number."""
    source, target, object_class = triple
    return source + 1 | target + 1 << 16 | object_class + 1 << 32
