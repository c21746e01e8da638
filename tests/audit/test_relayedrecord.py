import ctypes
import ctypes.util

import pytest

from selbox.audit.eventrecord import Login
from selbox.audit.fields import Stamp
from selbox.audit.relayedrecord import format_relayed, is_user_type
from selbox.audit.userrecord import parse_user_avc

STAMP = Stamp(1_700_000_000, 42, 7)
MESSAGE = b"avc:  denied  { send_msg } for  scontext=a:b:c tcontext=d:e:f tclass=dbus permissive=0"
TAIL = b' exe="/usr/bin/dbus-daemon" sauid=102 hostname=? addr=? terminal=?'


def record(number: int, message: bytes) -> str:
    return format_relayed(number, STAMP, 12, 102, Login(1000, 3), "u:r:t:s0", message)


def test_a_record_is_as_auditd_writes_it() -> None:
    assert record(1107, b"avc: it") == (
        "type=USER_AVC msg=audit(1700000000.042:7): pid=12 uid=102 auid=1000 ses=3 subj=u:r:t:s0 msg='avc: it'"
    )


def test_a_denial_of_an_object_manager_is_read_again() -> None:
    found = parse_user_avc(record(1107, MESSAGE + TAIL))
    assert (found.permissions, found.tclass, found.sender.exe) == (("send_msg",), "dbus", "/usr/bin/dbus-daemon")


@pytest.mark.parametrize("message", [b"a\nb", b"a\rb", b"a\x1db", b"a\x7fb"])
def test_a_record_is_one_line_whatever_the_message(message: bytes) -> None:
    assert record(1107, message).endswith("msg='a b'")


def test_a_message_ends_at_its_first_nul() -> None:
    assert record(1107, b"a\0type=AVC").endswith("msg='a'")


@pytest.mark.oracle
@pytest.mark.skipif(ctypes.util.find_library("audit") is None, reason="libaudit is not installed")
def test_types_have_the_names_of_libaudit() -> None:
    library = ctypes.CDLL("libaudit.so.1")
    library.audit_msg_type_to_name.restype = ctypes.c_char_p
    for number in (1005, *range(1100, 1139), *range(2300, 2314)):
        name = library.audit_msg_type_to_name(number)
        assert name is not None
        assert record(number, b"").startswith(f"type={name.decode()} ")


def test_other_types_are_named_by_their_number() -> None:
    assert record(2999, b"").startswith("type=UNKNOWN[2999] ")


def test_only_programs_messages_are_relayed() -> None:
    assert [number for number in (1000, 1001, 1005, 1099, 1100, 1199, 1200, 1400, 2099, 2100, 2999, 3000)
            if is_user_type(number)] == [1005, 1100, 1199, 2100, 2999]  # fmt: skip
