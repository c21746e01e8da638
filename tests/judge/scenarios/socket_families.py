"""A socket of each family and kind is made by a domain that may make none: which class is asked, if any."""

import socket

from tests.judge.stage import Stage, attempt

DOMAINS = "maker"
OBJECTS = ""
RULES = "(allow maker self (capability (net_raw net_admin)))"
KINDS = {
    "stream": socket.SOCK_STREAM,
    "datagram": socket.SOCK_DGRAM,
    "raw": socket.SOCK_RAW,
    "seqpacket": socket.SOCK_SEQPACKET,
}
FAMILIES = {
    "unix": (socket.AF_UNIX, ("stream", "datagram", "raw", "seqpacket"), 0),
    "inet": (socket.AF_INET, ("stream", "datagram"), 0),
    "inet6": (socket.AF_INET6, ("stream", "datagram"), 0),
    "icmp": (socket.AF_INET, ("datagram", "raw"), socket.IPPROTO_ICMP),
    "raw ip": (socket.AF_INET, ("raw",), 255),
    "sctp": (socket.AF_INET, ("stream", "seqpacket"), 132),
    "packet": (socket.AF_PACKET, ("datagram", "raw"), 0),
    "vsock": (40, ("stream",), 0),
    "key": (15, ("raw",), 2),
    "alg": (38, ("seqpacket",), 0),
    "mptcp": (socket.AF_INET, ("stream",), 262),
}


def scenario(stage: Stage) -> None:
    stage.run("maker", make)


def make() -> None:
    for name, (family, kinds, protocol) in FAMILIES.items():
        for kind in kinds:
            attempt(f"{name} {kind}", socket.socket, family, KINDS[kind], protocol)
