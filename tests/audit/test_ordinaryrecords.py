"""What is read quickly is what is read with care."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selbox.audit.accesslines import MARK, read_accesses
from selbox.audit.ordinaryrecords import OrdinaryRecords

RECORD = (
    'type=AVC msg=audit(1364481363.243:24287): avc:  denied  { read } for  pid=7 comm="cat" name="x" dev="sda1" ino=3 '
    "scontext=a_u:a_r:a_t:s0 tcontext=b_u:object_r:b_t:s0 tclass=file permissive=0"
)
PIECES = (
    *(RECORD, "avc:  denied  { read } for ", "avc: granted {write open} for", "avc:  denied  { ioctl } for ", "avc: "),
    *(
        "scontext=a_u:a_r:a_t:s0 ",
        "scontext=c\t",
        " tcontext=b_u:object_r:b_t:s0 ",
        "tclass=file",
        "tclass=dir' ",
        "{ ",
    ),
    *("}", "ioctlcmd=0x5401 ", "denied", 'name="scontext=evil" ', "\x1d", " "),
)


@given(st.lists(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=8).map("".join), max_size=6))
def test_each_line_says_what_it_says_alone(lines: list[str]) -> None:
    records = OrdinaryRecords()
    for _ in range(2):  # the second time, what is known is met
        found, others = records.read(lines, 1)
        assert sorted([each.line for each in found] + [number for number, _ in others]) == list(
            range(1, len(lines) + 1)
        )
        for number, text, access in found:
            assert text == lines[number - 1]
            assert read_accesses(text, text.find(MARK)) == [access]


@pytest.mark.parametrize(
    "line",
    [
        RECORD,
        RECORD.replace("denied", "granted").replace("permissive=0", "").rstrip(),
        f"node=web {RECORD}\x1dARCH=x86_64",
        RECORD.replace("{ read }", "{ read write open }"),
    ],
)
def test_the_kernels_records_are_ordinary(line: str) -> None:
    found, others = OrdinaryRecords().read([line], 5)
    assert ([each.line for each in found], others) == ([5], [])


@pytest.mark.parametrize(
    "line",
    [
        "",
        RECORD + RECORD,
        RECORD.replace("{ read }", "{ ioctl }"),
        RECORD.replace("tclass=file", ""),
        RECORD.replace("a_t", "a" * 2000),
    ],
)
def test_others_are_left_for_a_closer_look(line: str) -> None:
    assert OrdinaryRecords().read([line], 5) == ([], [(5, line)])
