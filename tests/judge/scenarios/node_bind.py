"""An address has a label of its own: sockets are bound to it with ``node_bind``, for each protocol and family."""

import socket

from tests.judge.stage import Stage, attempt

DOMAINS = "server"
OBJECTS = "address address6"
RULES = """
(nodecon (127.0.0.9) (255.255.255.255) (system_u object_r address ((s0) (s0))))
(nodecon (::1) (ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff) (system_u object_r address6 ((s0) (s0))))
(allow server self (tcp_socket (create bind)))
(allow server self (udp_socket (create bind)))
(allow server address (tcp_socket (node_bind)))
(allow server address6 (udp_socket (node_bind)))
"""
FAMILIES = ((socket.AF_INET, "127.0.0.9"), (socket.AF_INET, "127.0.0.8"), (socket.AF_INET6, "::1"))


def scenario(stage: Stage) -> None:
    stage.run("server", bind)


def bind() -> None:
    for family, address in FAMILIES:
        for name, kind in (("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)):
            with socket.socket(family, kind) as made:
                attempt(f"{name} {address}", made.bind, (address, 0))
