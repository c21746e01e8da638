"""Expected classes are those of the kernel's ``socket_type_to_security_class``."""

import pytest

from selbox.objects.socketclasses import socket_class
from selbox.server.classes import SOCKET_CLASSES


@pytest.mark.parametrize(
    ("family", "type_", "protocol", "with_extended", "without"),
    [
        (1, 1, 0, "unix_stream_socket", "unix_stream_socket"),
        (1, 5, 0, "unix_stream_socket", "unix_stream_socket"),
        (1, 2, 0, "unix_dgram_socket", "unix_dgram_socket"),
        (1, 3, 0, "unix_dgram_socket", "unix_dgram_socket"),
        (1, 4, 0, "socket", "socket"),
        (2, 1, 0, "tcp_socket", "tcp_socket"),
        (10, 1, 6, "tcp_socket", "tcp_socket"),
        (2, 1, 262, "tcp_socket", "tcp_socket"),
        (2, 1, 132, "sctp_socket", "rawip_socket"),
        (10, 5, 132, "sctp_socket", "rawip_socket"),
        (2, 2, 17, "udp_socket", "udp_socket"),
        (2, 2, 1, "icmp_socket", "rawip_socket"),
        (10, 2, 58, "icmp_socket", "rawip_socket"),
        (2, 2, 136, "rawip_socket", "rawip_socket"),
        (2, 3, 6, "rawip_socket", "rawip_socket"),
        (2, 6, 33, "dccp_socket", "dccp_socket"),
        (16, 3, 0, "netlink_route_socket", "netlink_route_socket"),
        (16, 2, 4, "netlink_tcpdiag_socket", "netlink_tcpdiag_socket"),
        (16, 3, 13, "netlink_socket", "netlink_socket"),
        (16, 3, 21, "netlink_crypto_socket", "netlink_crypto_socket"),
        (17, 3, 3, "packet_socket", "packet_socket"),
        (15, 3, 2, "key_socket", "key_socket"),
        (38, 5, 0, "alg_socket", "socket"),
        (40, 1, 0, "vsock_socket", "socket"),
        (99, 1, 0, "socket", "socket"),
    ],
)
def test_the_class_of_a_socket(family: int, type_: int, protocol: int, with_extended: str, without: str) -> None:
    assert socket_class(family, type_, protocol, extended=True) == with_extended
    assert socket_class(family, type_, protocol, extended=False) == without


def test_every_class_is_one_of_sockets() -> None:
    found = {
        socket_class(family, type_, protocol, extended=True)
        for family in range(46)
        for type_ in range(11)
        for protocol in (0, 1, 6, 17, 132, *range(22))
    }
    # Sockets of devices for tunnels are made by an ioctl.
    assert found == SOCKET_CLASSES - {"tun_socket"}
