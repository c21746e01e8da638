import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selbox.audit.accesslines import AccessLine, LoggedAccess, logged_accesses
from selbox.diagnostics import Diagnostic

EXPECTED = LoggedAccess(False, ("read",), "a_u:a_r:a_t:s0", "b_u:object_r:b_t:s0:c1", "file")
BODY = (
    'avc:  denied  { read } for  pid=7 comm="cat" name="x" dev="sda1" ino=3 '
    "scontext=a_u:a_r:a_t:s0 tcontext=b_u:object_r:b_t:s0:c1 tclass=file permissive=0"
)
INTERPRETED = (
    "type=AVC msg=audit(11/22/2026 05:53:54.123:456) : avc:  denied  { read } for  pid=7 comm=cat name=a b dev=sda1 "
    "ino=3 scontext=a_u:a_r:a_t:s0 tcontext=b_u:object_r:b_t:s0:c1 tclass=file permissive=0 "
)


@pytest.mark.parametrize(
    "line",
    [
        f"type=AVC msg=audit(1364481363.243:24287): {BODY}",
        f"node=web.example type=AVC msg=audit(1364481363.243:24287): {BODY}\x1dARCH=x86_64",
        f"[   12.345678] audit: type=1400 audit(1364481363.243:24287): {BODY}",
        f"Nov 22 05:53:54 web kernel: audit: type=1400 audit(1364481363.243:24287): {BODY}",
        INTERPRETED,
    ],
)
def test_a_record_is_found_in_every_dress(line: str) -> None:
    warnings: list[Diagnostic] = []
    assert list(logged_accesses([line], warnings)) == [AccessLine(1, line, EXPECTED)]
    assert warnings == []


@pytest.mark.parametrize("before", ["tcontext", "tclass", "permissive"])
@pytest.mark.parametrize("labels", ['srawcon="old_t"', "trawcon=6F6C64", 'srawcon="old_t" trawcon="u:r:gone_t:s0"'])
def test_labels_that_the_policy_does_not_know_may_stand_beside_the_contexts(before: str, labels: str) -> None:
    warnings: list[Diagnostic] = []
    line = BODY.replace(f" {before}=", f" {labels} {before}=")
    assert (list(logged_accesses([line], warnings)), warnings) == ([AccessLine(1, line, EXPECTED)], [])


def test_a_record_in_the_journals_json_is_found() -> None:
    (found,) = logged_accesses([json.dumps({"MESSAGE": f"AVC {BODY}"})], [])
    assert found == AccessLine(1, f"AVC {BODY}", EXPECTED)


def test_records_of_object_managers_are_found() -> None:
    line = (
        "type=USER_AVC msg=audit(1.000:2): pid=1 uid=0 auid=4294967295 ses=4294967295 subj=a_u:a_r:a_t:s0 "
        "msg='avc:  granted  { send_msg } for msgtype=method_call dest=:1.2 spid=4 tpid=5 "
        'scontext=a_u:a_r:a_t:s0 tcontext=a_u:a_r:a_t:s0 tclass=dbus  exe="/bin/x" sauid=0 hostname=? addr=?\''
    )
    (found,) = logged_accesses([line], [])
    assert found.access == LoggedAccess(True, ("send_msg",), "a_u:a_r:a_t:s0", "a_u:a_r:a_t:s0", "dbus")


@pytest.mark.parametrize(
    ("permission", "field", "number"),
    [("ioctl", "ioctlcmd=0x5401", 0x5401), ("ioctl", "ioctlcmd=5401", 0x5401), ("nlmsg", "nl-msgtype=18", 18)],
)
def test_the_extended_permission_is_read(permission: str, field: str, number: int) -> None:
    (found,) = logged_accesses([BODY.replace("ino=3", field).replace("read", permission)], [])
    assert found.access.number == number


@pytest.mark.parametrize(("permission", "field"), [("read", "ioctlcmd=0x5401"), ("ioctl", "ioctlcmd=0x54010")])
def test_a_number_without_a_rule_about_it_is_none(permission: str, field: str) -> None:
    (found,) = logged_accesses([BODY.replace("ino=3", field).replace("read", permission)], [])
    assert found.access.number is None


def test_records_that_ran_into_one_another_are_read_apart() -> None:
    other = BODY.replace("{ read }", "{ write }").replace("b_t", "c_t")
    line = f"type=AVC msg=audit(1.000:2): {BODY}type=AVC msg=audit(1.000:3): {other}"
    assert [each.access for each in logged_accesses([BODY, line], [])] == [
        EXPECTED,
        EXPECTED,
        EXPECTED._replace(permissions=("write",), tcontext="b_u:object_r:c_t:s0:c1"),
    ]


def test_a_record_that_broke_off_lends_nothing_to_the_next() -> None:
    line = f"avc:  denied  {{ write }} for  pid=3 comm={BODY}"
    assert [each.access for each in logged_accesses([line], [])] == [EXPECTED]


def test_fields_that_setroubleshoot_has_sorted_are_found() -> None:
    line = (
        'avc: denied { read } for comm="cat" dev="sda1" ino=3 name="x" pid=7 scontext=a_u:a_r:a_t:s0 '
        "subj=a_u:a_r:a_t:s0 tclass=file tcontext=b_u:object_r:b_t:s0:c1 tty=(none) uid=0"
    )
    assert [each.access for each in logged_accesses([line], [])] == [EXPECTED]


def test_other_lines_are_passed_over_and_broken_records_told() -> None:
    warnings: list[Diagnostic] = []
    lines = [
        "type=SYSCALL msg=audit(1.0:2): arch=c000003e",
        "----",
        "avc:  denied  { read } for  pid=7 tclass=file",
        BODY,
    ]
    assert [each.line for each in logged_accesses(lines, warnings)] == [4]
    (warning,) = warnings
    assert (warning.code, "line 3" in warning.message) == ("audit-fields", True)


def test_a_name_that_looks_like_fields_changes_nothing() -> None:
    # the kernel writes a name with spaces in hexadecimal; one without them is one word in quotes
    line = BODY.replace('"x"', '"scontext=evil"')
    (found,) = logged_accesses([line], [])
    assert found.access == EXPECTED


@pytest.mark.parametrize(
    "part", ["avc:  denied  { read } for ", "scontext=a ", "scontext=a srawcon=b ", "{ ", "avc: denied ", "ioctlcmd="]
)
def test_long_nonsense_is_read_in_no_time(part: str) -> None:
    warnings: list[Diagnostic] = []
    assert list(logged_accesses(["avc:  denied  { read } for " + part * 50_000], warnings)) == []
    assert len(warnings) == 1


def test_what_is_longer_than_any_record_is_broken() -> None:
    warnings: list[Diagnostic] = []
    assert list(logged_accesses([BODY.replace("a_t", "a" * 20_000)], warnings)) == []
    assert len(warnings) == 1


@given(st.lists(st.one_of(st.text(max_size=40), st.sampled_from(BODY.split(" "))), max_size=30).map(" ".join))
def test_nothing_is_raised_whatever_a_line_holds(line: str) -> None:
    for found in logged_accesses([line, f"avc:  denied  {{ {line} }} for  {line}"], []):
        assert found.access.permissions
