"""Expected permissions are those of the kernel's ``nlmsgtab.c``."""

import struct

import pytest

from selbox.objects.netlinkmessages import UnknownMessageError, message_permission, messages_of

ROUTE, DIAGNOSIS, TRANSFORM, AUDIT = (f"netlink_{each}_socket" for each in ("route", "tcpdiag", "xfrm", "audit"))


@pytest.mark.parametrize(
    ("object_class", "type_", "permission"),
    [
        (ROUTE, 16, "nlmsg_write"),  # RTM_NEWLINK
        (ROUTE, 18, "nlmsg_read"),  # RTM_GETLINK
        (ROUTE, 19, "nlmsg_write"),  # RTM_SETLINK
        (ROUTE, 22, "nlmsg_read"),  # RTM_GETADDR
        (ROUTE, 25, "nlmsg_write"),  # RTM_DELROUTE
        (ROUTE, 67, "nlmsg_write"),  # RTM_SETNEIGHTBL
        (ROUTE, 78, "nlmsg_read"),  # RTM_GETDCB
        (DIAGNOSIS, 18, "nlmsg_read"),  # TCPDIAG_GETSOCK
        (DIAGNOSIS, 20, "nlmsg_read"),  # SOCK_DIAG_BY_FAMILY
        (TRANSFORM, 16, "nlmsg_write"),  # XFRM_MSG_NEWSA
        (TRANSFORM, 18, "nlmsg_read"),  # XFRM_MSG_GETSA
        (TRANSFORM, 31, "nlmsg_read"),  # XFRM_MSG_GETAE
        (AUDIT, 1000, "nlmsg_read"),  # AUDIT_GET
        (AUDIT, 1001, "nlmsg_write"),  # AUDIT_SET
        (AUDIT, 1013, "nlmsg_readpriv"),  # AUDIT_LIST_RULES
        (AUDIT, 1017, "nlmsg_tty_audit"),  # AUDIT_TTY_SET
        (AUDIT, 1107, "nlmsg_relay"),  # AUDIT_USER_AVC
        ("netlink_generic_socket", 16, None),
    ],
)
def test_the_permission_of_a_message(object_class: str, type_: int, permission: str | None) -> None:
    assert message_permission(object_class, type_) == permission


@pytest.mark.parametrize(("object_class", "type_"), [(ROUTE, 3), (ROUTE, 999), (DIAGNOSIS, 99), (AUDIT, 2000)])
def test_unknown_messages(object_class: str, type_: int) -> None:
    with pytest.raises(UnknownMessageError):
        message_permission(object_class, type_)


def test_several_messages_are_all_asked_about_and_what_is_cut_off_is_none() -> None:
    def message(type_: int, body: bytes, size: int | None = None) -> bytes:
        return struct.pack("=IHHII", 16 + len(body) if size is None else size, type_, 0, 0, 0) + body

    data = message(18, b"x") + bytes(3) + message(16, b"") + message(22, b"", 99)
    assert list(messages_of(data)) == [18, 16]
    assert list(messages_of(message(18, b"", 15))) == []
    assert list(messages_of(b"x" * 15)) == []
