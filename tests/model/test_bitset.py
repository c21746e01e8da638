from hypothesis import given
from hypothesis import strategies as st

from selbox.model.bitset import bitset, includes, members

ids = st.sets(st.integers(0, 6000))


@given(ids)
def test_members_gives_back_what_bitset_took(chosen: set[int]) -> None:
    assert list(members(bitset(chosen))) == sorted(chosen)


@given(st.integers(0, 2**200))
def test_dense_and_sparse_sets_are_read_alike(bits: int) -> None:
    assert bitset(members(bits)) == bits


@given(ids, ids)
def test_includes_is_the_subset_relation(outer: set[int], inner: set[int]) -> None:
    assert includes(bitset(outer), bitset(inner)) == (inner <= outer)
