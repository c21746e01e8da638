import pytest

from selbox.enforce.mountoptions import parse_options


def test_labels_are_taken_out_of_the_options() -> None:
    options = parse_options(b"size=1m,context=u:r:t:s0,mode=700,huge")
    assert options.labels == {"context": "u:r:t:s0"}
    assert options.others == ((b"size", b"1m"), (b"mode", b"700"), (b"huge", None))
    assert options.text == b"size=1m,mode=700,huge"


def test_commas_between_quotation_marks_are_part_of_a_label() -> None:
    options = parse_options(b'fscontext="u:r:t:s0:c1,c2",ro')
    assert options.labels == {"fscontext": "u:r:t:s0:c1,c2"}
    assert options.others == ((b"ro", None),)


def test_escaped_commas_are_part_of_a_value() -> None:
    assert parse_options(rb"lowerdir=/a\,b,upperdir=/c").others == ((b"lowerdir", rb"/a\,b"), (b"upperdir", b"/c"))


def test_nothing_is_no_options() -> None:
    assert parse_options(b"") == parse_options(b",,seclabel")
    assert parse_options(b"").text is None


@pytest.mark.parametrize(
    "data",
    [
        b"context=u:r:t:s0,context=u:r:t:s0",
        b"context=u:r:t:s0,defcontext=u:r:t:s0",
        b"defcontext=u:r:t:s0,context=u:r:t:s0",
        b"rootcontext=u:r:t:s0,size=1m,rootcontext=u:r:o:s0",
    ],
)
def test_labels_that_exclude_each_other_are_invalid(data: bytes) -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        parse_options(data)
