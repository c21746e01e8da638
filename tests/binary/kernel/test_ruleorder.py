"""The hash of libsepol's table of rules."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from selbox.binary.kernel.ruleorder import SLOTS, in_order, places

ALL = 0xFFFFFFFF
HALF = st.integers(1, 0xFFFF)


def murmur(words: tuple[int, ...]) -> int:
    """MurmurHash3 of whole words, from its public description, without its length."""
    state = 0
    for word in words:
        value = word * 0xCC9E2D51 & ALL
        value = (value << 15 | value >> 17) & ALL
        state ^= value * 0x1B873593 & ALL
        state = (state << 13 | state >> 19) & ALL
        state = (state * 5 + 0xE6546B64) & ALL
    state = (state ^ state >> 16) * 0x85EBCA6B & ALL
    state = (state ^ state >> 13) * 0xC2B2AE35 & ALL
    return state ^ state >> 16


@given(st.lists(st.tuples(HALF, HALF, HALF, HALF)))
def test_every_key_has_the_place_of_its_own_hash(keys: list[tuple[int, int, int, int]]) -> None:
    packed = [source | target << 16 | object_class << 32 | kind << 48 for source, target, object_class, kind in keys]
    assert places(packed) == [
        murmur((object_class, target, source)) % SLOTS << 48 | source << 32 | target << 16 | object_class
        for source, target, object_class, _ in keys
    ]


def test_keys_that_share_a_slot_ascend_by_source_target_and_class() -> None:
    random = Random(1)  # noqa: S311 - nothing is secret
    access, about_types = 1 << 48, 16 << 48
    keys = [random.getrandbits(32) | random.randrange(1, 100) << 32 | access for _ in range(20_000)]
    keys += [key ^ access | about_types for key in keys[:100]]
    order = places(keys)
    slots = {place >> 48 for place in order}
    assert len(slots) < 19_900  # some slots hold several chains
    expected = sorted(range(len(keys)), key=lambda at: (order[at], keys[at] < about_types))
    assert in_order(keys).tolist() == expected
