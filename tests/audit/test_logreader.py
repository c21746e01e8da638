import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selbox.audit.accesslines import AccessLine
from selbox.audit.logreader import BrokenLine, EventLine, LogReader

BODY = "scontext=a_u:a_r:a_t:s0 tcontext=b_u:object_r:b_t:s0:c1 tclass=file"
DENIED = f'avc:  denied  {{ read }} for  pid=7 comm="cat" name="x" dev="sda1" ino=3 {BODY} permissive=0'
RECORD = f"type=AVC msg=audit(1364481363.243:24287): {DENIED}"

DRESSES = {
    "auditd": RECORD,
    "auditd, enriched": f"{RECORD}\x1dARCH=x86_64",
    "several hosts": f"node=web {RECORD}",
    "ausearch -i": RECORD.replace("1364481363.243:24287)", "11/22/2026 05:53:54.123:456) ").replace('"', ""),
    "dmesg": f"[   12.345678] audit: type=1400 audit(1364481363.243:24287): {DENIED}",
    "old kernel": f"Sep 12 08:26:43 host kernel: audit(1158064002.046:4): {DENIED}",
    "syslog": f"Nov 22 05:53:54 web kernel: audit: type=1400 audit(1364481363.243:24287): {DENIED}",
    "journal": f"Nov 22 05:53:54 web audit[7]: AVC {DENIED}",
    "journal, JSON": json.dumps({"MESSAGE": f"AVC {DENIED}", "_AUDIT_TYPE_NAME": "AVC", "_AUDIT_ID": "3"}),
    "logcat": f"01-01 00:00:01.000  123  123 W cat : type=1400 audit(0.0:12): {DENIED} app=com.example bug=b/1",
    "auditd of Android": f"01-01 00:00:01.000 1 1 I auditd  : type=1400 audit(0.0:12): {DENIED.replace('  ', ' ')}",
    "setroubleshoot": f"host=web type=AVC msg=audit(1364481363.243:24287): {DENIED}",
    "setroubleshoot, sorted": "avc: denied { read } for comm=cat exe=/bin/cat pid=7 scontext=a_u:a_r:a_t:s0 sgid=0 "
    "subj=a_u:a_r:a_t:s0 suid=0 tclass=file tcontext=b_u:object_r:b_t:s0:c1 tty=(none) uid=0",
    "setroubleshoot's database": f"<body_text>{DENIED}</body_text>",
    "dbus": f"type=USER_AVC msg=audit(1267534171.023:18): user pid=1169 uid=0 auid=4294967295 ses=4294967295 "
    f'subj=s:s:s:s0 msg=\'avc:  denied  {{ read }} for msgtype=method_call dest=org.x spid=1 {BODY}  exe="/bin/d" '
    "sauid=81 hostname=? addr=? terminal=?'",
    "systemd": f"type=USER_AVC msg=audit(1.023:18): pid=1 uid=0 auid=4294967295 ses=4294967295 subj=s:s:s:s0 "
    f'msg=\'avc:  denied  {{ read }} for auid=n/a uid=0 gid=0 path="/x" cmdline="" function="f" {BODY} '
    'permissive=0 exe="/lib/systemd/systemd" sauid=0 hostname=? addr=? terminal=?\'\x1dUID="root"',
    "service manager": f"E SELinux : avc:  denied  {{ read }} for service=x pid=7 uid=10 {BODY} permissive=0",
}


@pytest.mark.parametrize("line", [pytest.param(line, id=name) for name, line in DRESSES.items()])
def test_an_access_is_found_in_every_dress(line: str) -> None:
    reader = LogReader()
    (found,) = reader.read(f"----\n{line}\ntype=EOE msg=audit(1.0:2):\n")
    assert isinstance(found, AccessLine)
    assert found.line == 2
    assert found.access == (False, ("read",), "a_u:a_r:a_t:s0", "b_u:object_r:b_t:s0:c1", "file", None)
    assert (reader.lines, reader.accesses, reader.broken) == (3, 1, 0)


@pytest.mark.parametrize(
    ("line", "kind", "fields"),
    [
        (
            "type=SELINUX_ERR msg=audit(1.0:2): op=security_compute_sid invalid_context=u:r:t:s0 scontext=a tclass=b",
            "SELINUX_ERR",
            {"op": "security_compute_sid", "invalid_context": "u:r:t:s0", "scontext": "a", "tclass": "b"},
        ),
        (
            'audit: type=1401 audit(1.0:2): op=setxattr invalid_context="u:r:t"',
            "SELINUX_ERR",
            {"op": "setxattr", "invalid_context": "u:r:t"},
        ),
        (
            "type=1401 audit(1.0:2): security_compute_sid:  invalid context u:r:t:s0 for scontext=a tclass=b",
            "SELINUX_ERR",
            {"op": "security_compute_sid", "invalid_context": "u:r:t:s0", "scontext": "a", "tclass": "b"},
        ),
        (
            "kernel: security_validate_transition:  denied for oldcontext=a newcontext=b taskcontext=c tclass=file",
            "SELINUX_ERR",
            {"op": "security_validate_transition", "oldcontext": "a", "newcontext": "b", "taskcontext": "c"},
        ),
        ("type=MAC_POLICY_LOAD msg=audit(1.0:2): policy loaded auid=0 ses=1", "MAC_POLICY_LOAD", {"auid": "0"}),
        ("audit: type=1403 audit(1.0:2): auid=1 ses=2 lsm=selinux res=1", "MAC_POLICY_LOAD", {"res": "1"}),
        ("type=MAC_STATUS msg=audit(1.0:2): enforcing=0 old_enforcing=1", "MAC_STATUS", {"enforcing": "0"}),
        ("type=MAC_CONFIG_CHANGE msg=audit(1.0:2): bool=b val=1 old_val=0", "MAC_CONFIG_CHANGE", {"bool": "b"}),
        ("type=MAC_UNLBL_STCADD msg=audit(1.0:2): netlabel: auid=0", "MAC_UNLBL_STCADD", {"auid": "0"}),
        ("type=DAEMON_START msg=audit(1.0:2): op=start ver=3.0", "DAEMON_START", {"op": "start"}),
        (
            "type=USER_MAC_POLICY_LOAD msg=audit(1.0:2): pid=1 msg='avc:  op=load_policy lsm=selinux seqno=2 res=1'",
            "USER_MAC_POLICY_LOAD",
            {"seqno": "2"},
        ),
    ],
)
def test_what_happened_to_the_policy_is_told(line: str, kind: str, fields: dict[str, str]) -> None:
    reader = LogReader()
    (found,) = reader.read(line)
    assert isinstance(found, EventLine)
    assert found.kind == kind
    assert fields.items() <= dict(found.fields).items()
    assert (reader.accesses, reader.broken) == (0, 0)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "type=SYSCALL msg=audit(1.0:2): arch=c000003e syscall=2 success=no",
        "avc:  received policyload notice (seqno=2)",
        "type=1400",
        "type=14999 audit(1.0:2): x=1",
        "type=MAC_STATUS",
        "SELinux is preventing httpd from read access on the file x.",
    ],
)
def test_other_lines_are_passed_over(line: str) -> None:
    reader = LogReader()
    assert reader.read(line) == []
    assert (reader.lines, reader.broken) == (1 if line else 0, 0)


def test_lines_keep_their_numbers_from_block_to_block() -> None:
    reader = LogReader()
    first = reader.read(f"x\n{RECORD}\n")
    second = reader.read(f"{RECORD}\ntype=MAC_STATUS msg=audit(1.0:2): enforcing=0\n{RECORD}")
    assert [each.line for each in (*first, *second)] == [2, 3, 4, 5]
    assert reader.accesses == 3


def test_what_stands_beside_a_wrapped_record_is_read_as_it_is_alone() -> None:
    line = json.dumps({"MESSAE": f"AVC {DENIED}"})
    both = LogReader().read(f"{DRESSES['journal, JSON']}\n{line}\n")
    assert [each.text for each in both][1:] == [each.text for each in LogReader().read(line)] == [line]


def test_what_breaks_off_is_counted_and_its_beginning_kept() -> None:
    reader = LogReader()
    broken = RECORD[:100]
    assert reader.read("\n".join([broken] * 30)) == []
    assert reader.broken == 30
    assert len(reader.shown) == 20
    assert reader.shown[0] == BrokenLine(1, broken)


def test_equal_accesses_are_one_value() -> None:
    found = LogReader().read(f"{RECORD}\n{RECORD.replace('pid=7', 'pid=8')}\n")
    first, second = (each.access for each in found if isinstance(each, AccessLine))
    assert first is second


@given(
    st.lists(st.one_of(st.text(max_size=60), st.sampled_from([*DRESSES.values(), "type=1401 audit(1.0:2): ", "avc: "])))
)
def test_every_line_is_counted_once(lines: list[str]) -> None:
    reader = LogReader()
    text = "".join(f"{line}\n" for line in lines)
    found = reader.read(text)
    assert reader.lines == text.count("\n")
    assert reader.accesses == sum(isinstance(each, AccessLine) for each in found)
    assert all(1 <= each.line <= reader.lines for each in found)
