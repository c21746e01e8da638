"""The object class of a socket, from what it was made with.

Source: the kernel's ``socket_type_to_security_class``.
"""

from selbox.typing import Final

AF_UNIX: Final = 1
AF_INET: Final = 2
AF_INET6: Final = 10
AF_NETLINK: Final = 16
AF_PACKET: Final = 17

SOCK_STREAM: Final = 1
SOCK_DGRAM: Final = 2
SOCK_RAW: Final = 3
SOCK_SEQPACKET: Final = 5
SOCK_DCCP: Final = 6

IPPROTO_IP: Final = 0
IPPROTO_ICMP: Final = 1
IPPROTO_TCP: Final = 6
IPPROTO_UDP: Final = 17
IPPROTO_DCCP: Final = 33
IPPROTO_ICMPV6: Final = 58
IPPROTO_SCTP: Final = 132
IPPROTO_MPTCP: Final = 262

EXTENDED_SOCKET_CLASS: Final = "extended_socket_class"
"""The policy capability by which families and protocols have classes of their own."""

_UNIX: Final = {
    SOCK_STREAM: "unix_stream_socket",
    SOCK_SEQPACKET: "unix_stream_socket",
    SOCK_DGRAM: "unix_dgram_socket",
    SOCK_RAW: "unix_dgram_socket",
}

_NETLINK: Final = {
    0: "netlink_route_socket",
    4: "netlink_tcpdiag_socket",
    5: "netlink_nflog_socket",
    6: "netlink_xfrm_socket",
    7: "netlink_selinux_socket",
    8: "netlink_iscsi_socket",
    9: "netlink_audit_socket",
    10: "netlink_fib_lookup_socket",
    11: "netlink_connector_socket",
    12: "netlink_netfilter_socket",
    14: "netlink_dnrt_socket",
    15: "netlink_kobject_uevent_socket",
    16: "netlink_generic_socket",
    18: "netlink_scsitransport_socket",
    20: "netlink_rdma_socket",
    21: "netlink_crypto_socket",
}

_FAMILIES: Final = {5: "appletalk_socket", 15: "key_socket", AF_PACKET: "packet_socket"}

_EXTENDED: Final = {
    3: "ax25_socket",
    4: "ipx_socket",
    6: "netrom_socket",
    8: "atmpvc_socket",
    9: "x25_socket",
    11: "rose_socket",
    12: "decnet_socket",
    20: "atmsvc_socket",
    21: "rds_socket",
    23: "irda_socket",
    24: "pppox_socket",
    26: "llc_socket",
    29: "can_socket",
    30: "tipc_socket",
    31: "bluetooth_socket",
    32: "iucv_socket",
    33: "rxrpc_socket",
    34: "isdn_socket",
    35: "phonet_socket",
    36: "ieee802154_socket",
    37: "caif_socket",
    38: "alg_socket",
    39: "nfc_socket",
    40: "vsock_socket",
    41: "kcm_socket",
    42: "qipcrtr_socket",
    43: "smc_socket",
    44: "xdp_socket",
    45: "mctp_socket",
}

PROTOCOLS: Final = {IPPROTO_TCP: "tcp", IPPROTO_UDP: "udp", IPPROTO_DCCP: "dccp", IPPROTO_SCTP: "sctp"}
"""Protocols whose ports a policy can label, by number."""


def socket_class(family: int, type_: int, protocol: int, *, extended: bool) -> str:
    """Return the name of a socket's class.

    Args:
        family: ``AF_INET`` and the like.
        type_: ``SOCK_STREAM`` and the like, without flags.
        protocol: as given to ``socket``; 0 is the family's usual one.
        extended: whether the policy has the capability ``extended_socket_class``.
    """
    if family == AF_UNIX and type_ in _UNIX:
        return _UNIX[type_]
    if family in (AF_INET, AF_INET6):
        return _internet_class(type_, protocol, extended=extended)
    if family == AF_NETLINK:
        return _NETLINK.get(protocol, "netlink_socket")
    return _FAMILIES.get(family) or (extended and _EXTENDED.get(family)) or "socket"


def _internet_class(type_: int, protocol: int, *, extended: bool) -> str:
    if type_ in (SOCK_STREAM, SOCK_SEQPACKET):
        if protocol in (IPPROTO_IP, IPPROTO_TCP, IPPROTO_MPTCP):
            return "tcp_socket"
        return "sctp_socket" if extended and protocol == IPPROTO_SCTP else "rawip_socket"
    if type_ == SOCK_DGRAM:
        if protocol in (IPPROTO_IP, IPPROTO_UDP):
            return "udp_socket"
        return "icmp_socket" if extended and protocol in (IPPROTO_ICMP, IPPROTO_ICMPV6) else "rawip_socket"
    return "dccp_socket" if type_ == SOCK_DCCP else "rawip_socket"
