"""The permission that a netlink message to the kernel asks for.

Source: the kernel's ``selinux_nlmsg_lookup`` and the tables of ``security/selinux/nlmsgtab.c``.
"""

import struct
from collections.abc import Iterator

from selbox.typing import Final

READ: Final = "nlmsg_read"
WRITE: Final = "nlmsg_write"

_HEADER: Final = struct.Struct("=IHHII")

_FIRST_ROUTE: Final = 16
_LAST_ROUTE: Final = 123
_ROUTE_READS: Final = frozenset({89, 92, 96})
"""``RTM_DELNSID``, ``RTM_NEWSTATS`` and ``RTM_NEWCACHEREPORT``; else only ``RTM_GET*`` reads."""

_UNKNOWN_ROUTES: Final = frozenset({53, 54, 55, 56, 57, 59, 60, 61, 63, 65, 68, 69, 70, 71, 76, 77, 83, 87, 91, 93})
_DIAGNOSIS: Final = {18: READ, 19: READ, 20: READ, 21: WRITE}
_TRANSFORM_READS: Final = frozenset({18, 21, 31, 32, 34, 35, 37, 38, 40})
_TRANSFORM: Final = {type_: READ if type_ in _TRANSFORM_READS else WRITE for type_ in range(16, 41)}
_AUDIT: Final = {
    1000: READ,
    1001: WRITE,
    1002: "nlmsg_readpriv",
    1003: WRITE,
    1004: WRITE,
    1005: "nlmsg_relay",
    1010: READ,
    1011: WRITE,
    1012: WRITE,
    1013: "nlmsg_readpriv",
    1014: WRITE,
    1015: WRITE,
    1016: READ,
    1017: "nlmsg_tty_audit",
    1018: WRITE,
    1019: READ,
}
"""From ``AUDIT_GET`` on; what user space has to say of its own is relayed."""

_RELAYED: Final = (range(1100, 1200), range(2100, 3000))


class UnknownMessageError(Exception):
    """A message of a kind that the class has no permission for."""


def messages_of(data: bytes) -> Iterator[int]:
    """Return the types of the messages in what is sent; what is cut off is no message."""
    position = 0
    while position + _HEADER.size <= len(data):
        size, type_, _, _, _ = _HEADER.unpack_from(data, position)
        if size < _HEADER.size or size > len(data) - position:
            return
        yield type_
        position += size + 3 & ~3


def message_permission(object_class: str, type_: int) -> str | None:
    """Return the permission that a message asks for; None where sockets of a class are not asked about messages.

    Args:
        object_class: the socket's.
        type_: ``nlmsg_type``.

    Raises:
        UnknownMessageError: for a type that the class does not know.
    """
    if object_class == "netlink_route_socket":
        if not _FIRST_ROUTE <= type_ <= _LAST_ROUTE or type_ in _UNKNOWN_ROUTES:
            raise UnknownMessageError
        return READ if type_ % 4 == 2 or type_ in _ROUTE_READS else WRITE
    if object_class == "netlink_audit_socket":
        if any(type_ in each for each in _RELAYED):
            return "nlmsg_relay"
        return _known(_AUDIT.get(type_))
    if object_class == "netlink_tcpdiag_socket":
        return _known(_DIAGNOSIS.get(type_))
    if object_class == "netlink_xfrm_socket":
        return _known(_TRANSFORM.get(type_))
    return None


def _known(permission: str | None) -> str:
    if permission is None:
        raise UnknownMessageError
    return permission
