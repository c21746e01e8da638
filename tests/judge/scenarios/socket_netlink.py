"""A netlink socket of each protocol has a class of its own; what is sent over it is told apart: reading or writing."""

import socket
import struct

from tests.judge.stage import Stage, attempt

DOMAINS = "maker reader"
OBJECTS = ""
RULES = "(allow reader self (netlink_route_socket (create bind write read getattr nlmsg_read)))"
PROTOCOLS = {
    "route": 0,
    "usersock": 2,
    "sock_diag": 4,
    "nflog": 5,
    "xfrm": 6,
    "selinux": 7,
    "iscsi": 8,
    "audit": 9,
    "fib_lookup": 10,
    "connector": 11,
    "netfilter": 12,
    "dnrt": 14,
    "kobject_uevent": 15,
    "generic": 16,
    "scsitransport": 18,
    "rdma": 20,
    "crypto": 21,
}
RTM_NEWLINK, RTM_GETLINK = 16, 18


def scenario(stage: Stage) -> None:
    stage.run("maker", make)
    stage.run("reader", use)


def make() -> None:
    for name, protocol in PROTOCOLS.items():
        attempt(name, socket.socket, socket.AF_NETLINK, socket.SOCK_RAW, protocol)


def use() -> None:
    link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    attempt("bind", link.bind, (0, 0))
    for name, kind in (("question", RTM_GETLINK), ("change", RTM_NEWLINK)):
        message = struct.pack("=IHHII", 32, kind, 1, 1, 0) + struct.pack("=BxHiII", 0, 0, 1, 0, 0)
        attempt(name, link.sendto, message, (0, 0))
