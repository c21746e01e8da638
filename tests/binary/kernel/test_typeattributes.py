"""The map from types to attributes is written with every type's own bit, and read back."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from selbox.binary.kernel.typeattributes import attribute_map_bytes


@given(st.lists(st.sets(st.integers(0, 300)), max_size=301))
def test_every_type_has_its_attributes_and_itself(held: list[set[int]]) -> None:
    content = attribute_map_bytes(tuple(sorted(each)) for each in held)
    found = []
    offset = 0
    while offset < len(content):
        size, highest, count = struct.unpack_from("<III", content, offset)
        words = list(struct.iter_unpack("<IQ", content[offset + 12 : offset + 12 + 12 * count]))
        assert (size, highest) == (64, words[-1][0] + 64)
        assert [start for start, _ in words] == sorted({start for start, _ in words})
        found.append({start + bit for start, word in words for bit in range(64) if word >> bit & 1})
        offset += 12 + 12 * count
    assert found == [each | {number} for number, each in enumerate(held)]
