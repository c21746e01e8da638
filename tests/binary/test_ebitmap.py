"""Bitmaps as the formats write them."""

import tracemalloc
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selbox.binary.cursor import Cursor
from selbox.binary.ebitmap import ebitmap_bytes, read_ebitmap
from selbox.diagnostics import SelboxError
from selbox.model.bitset import bitset


def ebitmap(numbers: set[int]) -> bytes:
    """The bytes of a set, from the format's description."""
    words: dict[int, int] = {}
    for number in numbers:
        start = number // 64 * 64
        words[start] = words.get(start, 0) | 1 << number - start
    high = max(words) + 64 if words else 0
    return pack("<III", 64, high, len(words)) + b"".join(pack("<IQ", *word) for word in sorted(words.items()))


@given(st.sets(st.integers(0, 700)), st.binary(max_size=3))
def test_a_set_is_read_and_the_cursor_stands_after_it(numbers: set[int], rest: bytes) -> None:
    cursor = Cursor(ebitmap(numbers) + rest, "f", "s")
    assert read_ebitmap(cursor, 1000) == bitset(numbers)
    assert cursor.left == len(rest)


@given(st.sets(st.integers(0, 300), min_size=1), st.data())
def test_a_set_that_is_cut_off_is_refused(numbers: set[int], data: st.DataObject) -> None:
    whole = ebitmap(numbers)
    size = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(SelboxError) as caught:
        read_ebitmap(Cursor(whole[:size], "f", "s"))
    assert caught.value.diagnostics[0].code == "binary-truncated"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(pack("<III", 32, 32, 1) + bytes(12), id="words of another size"),
        pytest.param(pack("<III", 64, 63, 1) + bytes(12), id="an end inside of a word"),
        pytest.param(pack("<III", 64, 64, 0), id="an end and no words"),
        pytest.param(pack("<IIIIQ", 64, 128, 1, 0, 1), id="one word that ends early"),
        pytest.param(pack("<IIIIQIQ", 64, 128, 2, 64, 1, 64, 1), id="a word twice"),
        pytest.param(pack("<IIIIQIQIQ", 64, 192, 3, 64, 1, 0, 1, 128, 1), id="words in disorder"),
        pytest.param(pack("<IIIIQIQ", 64, 192, 2, 3, 1, 128, 1), id="a word at no multiple of 64"),
        pytest.param(pack("<IIIIQIQIQ", 64, 192, 3, 0, 1, 1 << 31, 1, 128, 1), id="a word far behind the end"),
        pytest.param(
            pack("<III", 64, 1280, 11) + b"".join(pack("<IQ", each << 6, 1) for each in (*range(9), 1 << 25, 19)),
            id="a word of many far behind the end",
        ),
        pytest.param(pack("<IIIIQ", 64, 1 << 31, 1, (1 << 31) - 64, 1), id="larger than anything"),
    ],
)
def test_what_is_no_bitmap_is_refused(data: bytes) -> None:
    with pytest.raises(SelboxError) as caught:
        read_ebitmap(Cursor(data, "f", "s"))
    assert caught.value.diagnostics[0].code == "binary-corrupt"


def test_the_limit_is_that_of_the_symbol_table() -> None:
    assert read_ebitmap(Cursor(ebitmap({63}), "f", "s"), 10) == 1 << 63
    with pytest.raises(SelboxError, match="ends at bit 128, and at most 10"):
        read_ebitmap(Cursor(ebitmap({64}), "f", "s"), 10)


@pytest.mark.parametrize("count", [1, 100])
def test_a_word_far_away_takes_no_memory_before_it_is_refused(count: int) -> None:
    words = pack("<IQ", 0, 1) + pack("<IQ", 0xF0000000, 1) * count
    data = pack("<III", 64, 128, count + 2) + words + pack("<IQ", 64, 1)
    tracemalloc.start()
    try:
        with pytest.raises(SelboxError, match="begins at bit 4026531840"):
            read_ebitmap(Cursor(data, "f", "s"))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@given(st.sets(st.integers(0, 700)))
def test_a_set_is_written_as_it_is_read(numbers: set[int]) -> None:
    assert ebitmap_bytes(bitset(numbers)) == ebitmap(numbers)


def test_bitmaps_may_not_take_more_memory_than_the_file_justifies() -> None:
    large = pack("<III", 64, 1 << 20, 1) + pack("<IQ", (1 << 20) - 64, 1)
    cursor = Cursor(large * 200, "f", "s")
    for _ in range(33):
        read_ebitmap(cursor)
    with pytest.raises(SelboxError, match="out of proportion"):
        read_ebitmap(cursor)
