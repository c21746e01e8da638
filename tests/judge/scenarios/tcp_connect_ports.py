"""A TCP socket is connected: the port's label is asked for ``name_connect``; for a datagram socket nothing is."""

import socket

from tests.judge.stage import Stage, attempt

DOMAINS = "client"
OBJECTS = "port"
RULES = """
(portcon tcp 47101 (system_u object_r port ((s0) (s0))))
(portcon udp 47101 (system_u object_r port ((s0) (s0))))
(allow client self (tcp_socket (create connect)))
(allow client self (udp_socket (create connect write)))
(allow client port (tcp_socket (name_connect)))
"""


def scenario(stage: Stage) -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 47102))
        listener.listen()
        stage.run("client", connect)


def connect() -> None:
    for port in (47101, 47102, 80):
        with socket.socket() as made:
            attempt(f"tcp {port}", made.connect, ("127.0.0.1", port))
        with socket.socket(type=socket.SOCK_DGRAM) as made:
            attempt(f"udp {port}", made.connect, ("127.0.0.1", port))
            attempt(f"udp to {port}", made.sendto, b"x", ("127.0.0.1", port))
    with socket.socket(socket.AF_INET6) as made:
        attempt("tcp 6", made.connect, ("::1", 47101))
