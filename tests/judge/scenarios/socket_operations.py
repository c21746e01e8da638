"""Each operation on a socket has its permission: the domain has none but to make one."""

import socket

from tests.judge.stage import Stage, attempt

DOMAINS = "maker"
OBJECTS = ""
RULES = """
(allow maker self (tcp_socket (create)))
(allow maker self (udp_socket (create)))
(allow maker self (unix_stream_socket (create)))
"""


def scenario(stage: Stage) -> None:
    stage.run("maker", make)


def make() -> None:
    for name, family, kind in (
        ("tcp", socket.AF_INET, socket.SOCK_STREAM),
        ("udp", socket.AF_INET, socket.SOCK_DGRAM),
        ("unix", socket.AF_UNIX, socket.SOCK_STREAM),
    ):
        made = attempt(f"{name}: make", socket.socket, family, kind)
        if made is not None:
            use(name, made, "\0judge-operations" if name == "unix" else ("127.0.0.1", 0))


def use(name: str, made: socket.socket, address: str | tuple[str, int]) -> None:
    made.setblocking(False)
    attempt(f"{name}: own name", made.getsockname)
    attempt(f"{name}: peer's name", made.getpeername)
    attempt(f"{name}: read an option", made.getsockopt, socket.SOL_SOCKET, socket.SO_TYPE)
    attempt(f"{name}: set an option", made.setsockopt, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    attempt(f"{name}: bind", made.bind, address)
    attempt(f"{name}: listen", made.listen)
    attempt(f"{name}: accept", made.accept)
    attempt(f"{name}: connect", made.connect, address)
    attempt(f"{name}: send", made.send, b"x")
    attempt(f"{name}: receive", made.recv, 1, socket.MSG_DONTWAIT)
    attempt(f"{name}: shut down", made.shutdown, socket.SHUT_RDWR)
