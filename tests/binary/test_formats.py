"""Formats by their first bytes."""

import pytest

from selbox.binary.formats import Format, detect


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x8c\xff\x7c\xf9\x08\0\0\0SE Linux", Format.KERNEL_POLICY),
        (b"\x8f\xff\x7c\xf9\x01\0\0\0", Format.PACKAGE),
        (b"\x8d\xff\x7c\xf9\x0f\0\0\0SE Linux Module", Format.MODULE),
        (b"(type t)", Format.TEXT),
        (b"\x8c\xff\x7c", Format.TEXT),
        (b"", Format.TEXT),
    ],
)
def test_the_format_is_told_by_the_magic_number(data: bytes, expected: Format) -> None:
    assert detect(data) is expected
