"""Values of a binary file, and what is said when they are not there."""

import pytest

from selbox.binary.cursor import Cursor, printable
from selbox.diagnostics import SelboxError


def test_values_are_little_endian_and_follow_one_another() -> None:
    cursor = Cursor(b"\x07" + b"\x01\x02\x00\x00" + b"\x01" + bytes(7) + b"abc" + b"\x05\0\0\0\x06\0\0\0", "f", "s")
    assert (cursor.u8(), cursor.u32(), cursor.u64(), cursor.text(3)) == (7, 513, 1, "abc")
    assert cursor.left == 8
    assert cursor.u32s(2) == (5, 6)
    assert cursor.left == 0


def test_names_keep_bytes_that_are_no_text() -> None:
    assert Cursor(b"\xff", "f", "s").text(1).encode("utf-8", "surrogateescape") == b"\xff"


@pytest.mark.parametrize("size", [0, 3])
def test_what_is_cut_off_is_reported_with_section_and_offset(size: int) -> None:
    cursor = Cursor(bytes(4 + size), "policy.33", "types", base=100)
    cursor.u32()
    with pytest.raises(SelboxError, match=r"policy\.33.*`types`.*byte 104") as caught:
        cursor.u32()
    assert caught.value.diagnostics[0].code == "binary-truncated"


def test_a_count_must_fit_into_what_is_left() -> None:
    assert Cursor(b"\x02\0\0\0" + bytes(8), "f", "s").count(4) == 2
    with pytest.raises(SelboxError, match=r"byte 0: a count of 3 items .* 8 bytes are left") as caught:
        Cursor(b"\x03\0\0\0" + bytes(8), "f", "s").count(4)
    assert caught.value.diagnostics[0].code == "binary-corrupt"


def test_words_about_names_that_are_no_text_can_be_shown() -> None:
    name = b"\x1b[31m\xff\n".decode("utf-8", "surrogateescape")
    assert printable(f"`{name}` is wrong") == r"`\x1b[31m\udcff\n` is wrong"
    assert len(printable("x" * 100000)) < 500
