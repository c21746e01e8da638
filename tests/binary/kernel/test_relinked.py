"""Tables that are written again are what writing each entry by itself gives."""

import struct
from array import array

from hypothesis import given
from hypothesis import strategies as st

from selbox.binary.kernel.relinked import Entries, Numbers, access_vectors_bytes
from selbox.binary.kernel.ruleorder import places

triples = st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 5))
tables = st.dictionaries(triples, st.lists(st.tuples(st.sampled_from([1, 2, 4]), st.integers(0, 9)), min_size=1))


def packed(table: dict[tuple[int, int, int], list[tuple[int, int]]]) -> bytes:
    return b"".join(struct.pack("<HHHHI", *key, *entry) for key in sorted(table) for entry in table[key])


@given(tables)
def test_entries_are_sorted_by_slot_and_triple(table: dict[tuple[int, int, int], list[tuple[int, int]]]) -> None:
    keys = {source | target << 16 | class_id << 32: (source, target, class_id) for source, target, class_id in table}
    order = [keys[key] for _, key in sorted(zip(places(keys), keys, strict=True))]
    expected = [struct.pack("<HHHHI", *key, *entry) for key in order for entry in table[key]]
    assert access_vectors_bytes(packed(table)) == struct.pack("<I", len(expected)) + b"".join(expected)


@given(tables, tables)
def test_chains_are_replaced(
    table: dict[tuple[int, int, int], list[tuple[int, int]]], other: dict[tuple[int, int, int], list[tuple[int, int]]]
) -> None:
    assert Entries(packed(table)).replaced(other) == packed(table | other)


@given(st.sets(st.integers(1, 60), min_size=1), st.permutations(range(1, 61)), st.booleans())
def test_numbers_are_replaced_in_columns(gone: set[int], turned: list[int], in_order: bool) -> None:
    here = [number for number in (range(1, 61) if in_order else turned) if number not in gone]
    new = {old: place for place, old in enumerate(here, 3)}
    numbers = Numbers([0, *(new.get(old, 0) for old in range(1, 61))], 61)
    column = array("H", here * 3)
    assert list(numbers.column(column)) == [new[old] for old in here * 3]
    assert numbers.ascending is (here == sorted(here))
