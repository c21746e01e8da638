"""The order of libsepol's symbol tables."""

from hypothesis import given
from hypothesis import strategies as st

from selbox.compiler.text.modules.order import hash_order


def test_names_are_in_the_order_of_their_buckets() -> None:
    # Worked out by hand: of the last letter only its low four bits decide among 16 buckets, shifted letters do not.
    assert hash_order(["c", "b", "a"], 16) == ["a", "b", "c"]
    assert hash_order(["aq", "aa", "ap"], 16) == ["ap", "aa", "aq"]


def test_the_high_bits_come_back_in() -> None:
    # After eight shifts by four, the first letter's low bits meet those of the last: q and a cancel, p and a do not.
    assert hash_order(["paaaaaaaa", "qaaaaaaaa"], 16) == ["qaaaaaaaa", "paaaaaaaa"]


def test_a_table_grows_when_it_is_full() -> None:
    names = [chr(each) for each in range(ord("a"), ord("i"))]
    assert hash_order(names, 8) == ["h", *names[:-1]]  # 0x68 is a multiple of 8
    assert hash_order([*names, "i"], 8) == ["h" if each == "h" else each for each in ["a", *names[1:], "i"]]


@given(st.sets(st.text("abcxyz_09é", min_size=1)))
def test_no_name_is_lost(names: set[str]) -> None:
    assert sorted(hash_order(names, 2)) == sorted(names)
