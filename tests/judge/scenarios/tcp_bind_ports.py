"""A TCP socket is bound: to a port with a label of its own, to others, to any, and to a low one."""

import socket

from tests.judge.stage import Stage, attempt

DOMAINS = "server"
OBJECTS = "port"
RULES = """
(portcon tcp 47001 (system_u object_r port ((s0) (s0))))
(portcon tcp (47010 47019) (system_u object_r port ((s0) (s0))))
(allow server self (tcp_socket (create bind setopt)))
(allow server port (tcp_socket (name_bind)))
(allow server .node_t (tcp_socket (node_bind)))
"""


def scenario(stage: Stage) -> None:
    stage.run("server", bind)


def bind() -> None:
    for port in (47001, 47002, 47010, 47019, 47020, 0, 80, 1023, 1024, 8080, 32768):
        attempt(f"port {port}", bind_to, ("127.0.0.1", port))
    attempt("another address", bind_to, ("203.0.113.7", 47001))
    attempt("every address", bind_to, ("", 47001))


def bind_to(address: tuple[str, int]) -> None:
    """Bind a new socket."""
    with socket.socket() as made:
        made.bind(address)
