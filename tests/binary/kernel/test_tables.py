"""The order in which libsepol's hash tables give symbols."""

from hypothesis import given
from hypothesis import strategies as st

from selbox.binary.kernel.tables import in_slots, symbol_hash


def slow_hash(name: bytes) -> int:
    """The hash character by character, as ``symhash`` of libsepol is described."""
    value = 0
    for byte in name:
        value = ((value << 4) & 0xFFFFFFFF) | (value >> 28)
        value ^= byte if byte < 128 else 0xFFFFFF00 | byte
    return value


@given(st.binary(max_size=60))
def test_the_hash_is_that_of_one_character_after_the_other(name: bytes) -> None:
    assert symbol_hash(name) == slow_hash(name)


def test_names_are_in_the_order_of_their_slots_and_then_of_their_letters() -> None:
    # By hand: in two slots, "a" (0x61) has slot 1, "b" (0x62) slot 0, "c" (0x63) slot 1.
    assert in_slots([b"c", b"a"], 2) == [1, 0]
    assert in_slots([b"a", b"b"], 2) == [1, 0]
    # Three names make the table grow to four slots: "d" (0x64) has slot 0, "a" slot 1, "c" slot 3.
    assert in_slots([b"c", b"a", b"d"], 2) == [2, 1, 0]
