"""A low port takes the capability as well as the port's label, which is asked first."""

import socket

from tests.judge.stage import Stage, attempt

DOMAINS = "weak strong"
OBJECTS = "port"
RULES = """
(portcon tcp 471 (system_u object_r port ((s0) (s0))))
(typeattribute servers)
(typeattributeset servers (weak strong))
(allow servers self (tcp_socket (create bind)))
(allow servers port (tcp_socket (name_bind)))
(allow servers .node_t (tcp_socket (node_bind)))
(allow strong self (capability (net_bind_service)))
"""


def scenario(stage: Stage) -> None:
    for domain in ("weak", "strong"):
        stage.run(domain, bind)


def bind() -> None:
    for port in (471, 472):
        with socket.socket() as made:
            attempt(f"port {port}", made.bind, ("127.0.0.1", port))
