from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selbox.audit.fields import Stamp
from selbox.audit.userrecord import (
    OWN_FIELDS,
    Sender,
    UserAvc,
    mode_change_noticed,
    own_fields,
    parse_user_avc,
    policy_load_noticed,
)
from selbox.diagnostics import SelboxError

STAMP = Stamp(1400523571, 163, 83)
SENDER = Sender(
    700, 81, 4294967295, 4294967295, "system_u:system_r:system_dbusd_t:s0-s0:c0.c1023", "/usr/bin/dbus-daemon"
)

# As Fedora's and Red Hat's logs have them.
DBUS = (
    "type=USER_AVC msg=audit(1400523571.163:83): pid=700 uid=81 auid=4294967295 ses=4294967295 "
    "subj=system_u:system_r:system_dbusd_t:s0-s0:c0.c1023 msg='avc:  denied  { send_msg } for msgtype=method_return "
    "dest=:1.37 spid=884 tpid=1 scontext=system_u:system_r:xdm_t:s0-s0:c0.c1023 "
    'tcontext=system_u:system_r:init_t:s0 tclass=dbus  exe="/usr/bin/dbus-daemon" sauid=81 '
    "hostname=? addr=? terminal=?'"
)
SYSTEMD = (
    "type=USER_AVC msg=audit(1612345678.123:456): pid=1 uid=0 auid=4294967295 ses=4294967295 "
    "subj=system_u:system_r:init_t:s0 msg='avc:  denied  { status } for auid=n/a uid=0 gid=0 "
    'path="/usr/lib/systemd/system/sshd.service" cmdline="" scontext=system_u:system_r:a_t:s0 '
    "tcontext=system_u:object_r:sshd_unit_file_t:s0 tclass=service permissive=1 "
    'exe="/usr/lib/systemd/systemd" sauid=0 hostname=? addr=? terminal=?\'\x1dUID="root" AUID="unset"'
)


def access(**changes: Any) -> UserAvc:
    record = UserAvc(
        STAMP, SENDER, False, ("send_msg",), (("dest", ":1.37"), ("tpid", "1")), "u:r:a_t:s0", "u:r:b_t:s0", "dbus"
    )
    return record._replace(**changes)


def test_records_of_others_are_read() -> None:
    dbus = parse_user_avc(DBUS)
    assert (dbus.stamp, dbus.sender, dbus.granted, dbus.permissions) == (STAMP, SENDER, False, ("send_msg",))
    assert (dbus.scontext, dbus.tclass, dbus.permissive) == ("system_u:system_r:xdm_t:s0-s0:c0.c1023", "dbus", False)
    assert dbus.fields == (("msgtype", "method_return"), ("dest", ":1.37"), ("spid", "884"), ("tpid", "1"))
    systemd = parse_user_avc(SYSTEMD)
    assert systemd.permissive
    assert (systemd.field("path"), systemd.field("cmdline")) == ("/usr/lib/systemd/system/sshd.service", "")


def test_the_form_is_that_of_libselinux_in_that_of_the_kernel() -> None:
    assert str(access()) == (
        "type=USER_AVC msg=audit(1400523571.163:83): pid=700 uid=81 auid=4294967295 ses=4294967295 "
        "subj=system_u:system_r:system_dbusd_t:s0-s0:c0.c1023 msg='avc:  denied  { send_msg } for dest=:1.37 tpid=1 "
        "scontext=u:r:a_t:s0 tcontext=u:r:b_t:s0 tclass=dbus permissive=0 "
        'exe="/usr/bin/dbus-daemon" sauid=81 hostname=? addr=? terminal=?\''
    )


def test_granted_records_say_nothing_of_permissive_and_without_fields_there_are_two_spaces() -> None:
    record = access(granted=True, fields=())
    assert record.message == "avc:  granted  { send_msg } for  scontext=u:r:a_t:s0 tcontext=u:r:b_t:s0 tclass=dbus"


def test_changes_are_told_in_the_words_of_libselinux() -> None:
    loaded, switched = policy_load_noticed(STAMP, SENDER, 7), mode_change_noticed(STAMP, SENDER, False)
    assert loaded.message == "avc:  op=load_policy lsm=selinux seqno=7 res=1"
    assert switched.message == "avc:  op=setenforce lsm=selinux enforcing=0 res=1"
    assert str(loaded).startswith("type=USER_MAC_POLICY_LOAD msg=audit(1400523571.163:83): pid=700 ")
    assert str(switched).startswith("type=USER_MAC_STATUS ")


def test_numbers_are_bare_text_is_quoted_and_none_is_left_out() -> None:
    values = {"pid": 12, "late": True, "table": "customers", "path": "/a b", "gone": None}
    assert own_fields(values) == (("pid", "12"), ("late", "1"), ("table", '"customers"'), ("path", "2F612062"))


@pytest.mark.parametrize("name", ["", "a b", "a=b", "1st", "scontext", "permissive", "é", "a\n"])
def test_names_that_no_field_can_have_are_refused(name: str) -> None:
    with pytest.raises(SelboxError) as caught:
        own_fields({name: 1})
    assert caught.value.diagnostics[0].code == "audit-field-name"


NAMES = st.from_regex(r"\A[a-z][a-z_]{0,8}\Z").filter(lambda name: name not in OWN_FIELDS)


@given(st.dictionaries(NAMES, st.text(max_size=12), max_size=4), st.booleans())
def test_whatever_a_field_holds_the_record_is_read_back(values: dict[str, str], permissive: bool) -> None:
    record = access(fields=own_fields(values), permissive=permissive)
    again = parse_user_avc(str(record))
    assert again == record
    for name, value in values.items():
        written = value.encode("utf-8", "surrogateescape").hex()
        assert again.field(name) == value or written.isdigit()  # such digits may as well be a number


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("hello", "audit-header"),
        ("type=AVC msg=audit(1.000:1): avc:  denied  { read } for  pid=1", "audit-kind"),
        ("type=USER_AVC msg=audit(1.000:1): pid=1", "audit-fields"),
        (DBUS.replace("denied  {", "denied  "), "audit-fields"),
        (DBUS.replace("tclass=dbus", ""), "audit-missing-field"),
        (DBUS.replace("spid=884", "spid"), "audit-fields"),
    ],
)
def test_what_is_no_such_record_is_refused(line: str, code: str) -> None:
    with pytest.raises(SelboxError) as caught:
        parse_user_avc(line)
    assert caught.value.diagnostics[0].code == code
