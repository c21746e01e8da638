"""A UDP socket is bound to labelled ports, and sends from one that was chosen for it."""

import socket

from tests.judge.stage import Stage, attempt

DOMAINS = "server"
OBJECTS = "port"
RULES = """
(portcon udp 47201 (system_u object_r port ((s0) (s0))))
(allow server self (udp_socket (create bind write read)))
(allow server port (udp_socket (name_bind)))
(allow server .node_t (udp_socket (node_bind)))
"""


def scenario(stage: Stage) -> None:
    stage.run("server", bind)


def bind() -> None:
    for port in (47201, 47202, 53, 0):
        with socket.socket(type=socket.SOCK_DGRAM) as made:
            attempt(f"port {port}", made.bind, ("127.0.0.1", port))
    with socket.socket(type=socket.SOCK_DGRAM) as made:
        attempt("send", made.sendto, b"x", ("127.0.0.1", 47201))
