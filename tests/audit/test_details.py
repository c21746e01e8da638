import pytest
from hypothesis import given
from hypothesis import strategies as st

from selbox.audit.details import details, record_fields

TAIL = "scontext=a:b:c:s0 tcontext=a:b:d:s0 tclass=file"
RECORD = (
    'type=AVC msg=audit(1700000000.123:45): avc:  denied  { read } for  pid=7 comm="cat" path="/etc/x" dev="sda1" '
    f"ino=3 {TAIL} permissive=1"
)


def test_a_record_says_who_and_what() -> None:
    found = details(RECORD)
    assert found[:-1] == ("audit(1700000000.123:45):", 1700000000.123, "", 45, 7, "cat", "", "/etc/x", "", True)
    assert found.fields["dev"] == "sda1"


def test_names_in_hexadecimal_are_read() -> None:
    line = RECORD.replace('"cat"', "612062").replace('"/etc/x"', "2F612062").replace('"sda1"', "ABCDEF")
    found = details(line)
    assert (found.command, found.path, found.fields["dev"]) == (
        "a b",
        "/a b",
        b"\xab\xcd\xef".decode(errors="surrogateescape"),
    )
    assert details(RECORD.replace('"cat"', '"612062"')).command == "612062"


def test_what_ausearch_has_interpreted_is_taken_as_it_is() -> None:
    line = (
        "type=AVC msg=audit(11/22/2026 05:53:54.123:456) : avc:  denied  { read } for  pid=7 comm=Web Content "
        f"name=CAFE dev=sda1 ino=3 {TAIL} permissive=0 "
    )
    found = details(line)
    assert (found.command, found.name, found.dated, found.serial) == (
        "Web Content",
        "CAFE",
        "11/22/2026 05:53:54.123",
        456,
    )
    assert (found.time, found.permissive) == (None, False)


def test_the_sender_of_a_message_is_not_the_process_that_asked() -> None:
    line = (
        "type=USER_AVC msg=audit(1.023:18): pid=1 uid=0 auid=4294967295 ses=4294967295 subj=s:s:s:s0 "
        'msg=\'avc:  denied  { start } for auid=n/a uid=7 gid=0 path="/lib/x.service" cmdline="" function="f" '
        f'{TAIL} permissive=0 exe="/lib/systemd/systemd" sauid=0 hostname=? addr=? terminal=?\''
    )
    found = details(line)
    assert (found.path, found.program, found.pid) == ("/lib/x.service", "/lib/systemd/systemd", 1)
    assert (found.fields["uid"], "hostname" in found.fields) == ("7", False)


@pytest.mark.parametrize("line", ["", "avc: ", "audit(", "a=" * 10_000, "audit(x" * 3000, "x=y " * 5000])
def test_nothing_is_made_up(line: str) -> None:
    found = details(line)
    assert (found.pid, found.command, found.path, found.time, found.permissive) == (None, "", "", None, None)


@given(st.text(), st.booleans())
def test_any_text_has_fields(text: str, loose: bool) -> None:
    assert all(record_fields(text, loose=loose).values())
