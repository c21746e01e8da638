import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selbox.audit.logforms import plain_line

MESSAGE = 'AVC avc:  denied  { read } for  pid=7 comm="x" scontext=a:b:c:s0 tcontext=a:b:d:s0 tclass=file permissive=0'
ENTRY = {
    "_TRANSPORT": "audit",
    "_AUDIT_TYPE_NAME": "AVC",
    "_AUDIT_ID": "77",
    "_SOURCE_REALTIME_TIMESTAMP": "1700000000123456",
    "MESSAGE": MESSAGE,
}
RECORD = f"type=AVC msg=audit(1700000000.123:77): {MESSAGE.removeprefix('AVC ')}"


@pytest.mark.parametrize("before", ["", "\x1e", "data: "])
def test_an_entry_of_the_journal_is_the_record_that_it_was(before: str) -> None:
    assert plain_line(before + json.dumps(ENTRY)) == RECORD


def test_a_message_that_is_given_in_numbers_is_text() -> None:
    assert plain_line(json.dumps({**ENTRY, "MESSAGE": list(MESSAGE.encode())})) == RECORD


def test_an_entry_over_several_lines_has_its_message_in_one() -> None:
    line = f'\t"MESSAGE" : {json.dumps(MESSAGE)},'
    assert plain_line(line) == MESSAGE


@pytest.mark.parametrize("lacking", ["_AUDIT_TYPE_NAME", "_AUDIT_ID", "_SOURCE_REALTIME_TIMESTAMP"])
def test_an_entry_that_is_no_record_of_the_audit_system_is_its_message(lacking: str) -> None:
    entry = {name: value for name, value in ENTRY.items() if name != lacking}
    assert plain_line(json.dumps(entry)) == MESSAGE


def test_a_message_stays_one_line() -> None:
    assert plain_line(json.dumps({"MESSAGE": "one\ntwo\r\nthree"})) == "one two three"


@pytest.mark.parametrize("line", ["", "{", '{"MESSAGE": 1', '"MESSAGE": x', "avc: {", "[" * 5000, "{" + '"a":{' * 5000])
def test_what_is_no_entry_stays_as_it_is(line: str) -> None:
    assert plain_line(line) == line


@given(
    st.dictionaries(
        st.sampled_from([*ENTRY, "x"]),
        st.one_of(st.none(), st.integers(), st.text(max_size=20), st.lists(st.integers(-1, 300), max_size=5)),
    )
)
def test_any_entry_is_one_line(entry: dict[str, object]) -> None:
    assert "\n" not in plain_line(json.dumps(entry))
