"""Datagrams between unix sockets: connected, by path and by abstract name; each is asked of the receiver."""

import socket

from tests.judge.stage import Stage, attempt

DOMAINS = "server friend stranger"
OBJECTS = "name"
RULES = """
(allow server self (unix_dgram_socket (create bind getattr read setopt)))
(typetransition server judge.place sock_file name)
(allow server name (sock_file (create)))
(typeattribute clients)
(typeattributeset clients (friend stranger))
(allow clients self (unix_dgram_socket (create connect write getopt)))
(allow clients name (sock_file (write)))
(allow friend server (unix_dgram_socket (sendto)))
"""
ABSTRACT = "\0judge-datagrams"


def scenario(stage: Stage) -> None:
    server = stage.start("server", serve, stage)
    stage.await_flag(0)
    for domain in ("friend", "stranger"):
        stage.run(domain, send)
    stage.tell(1)
    server.wait()


def serve(stage: Stage) -> None:
    receivers = [socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2)]
    for receiver, address in zip(receivers, ("path", ABSTRACT), strict=True):
        attempt("bind", receiver.bind, address)
        receiver.settimeout(0.2)
    stage.tell(0)
    stage.await_flag(1)
    for receiver in receivers:
        for _ in range(3):
            attempt("receive", receiver.recv, 10, show=True)


def send() -> None:
    for what, address in (("path", "path"), ("abstract", ABSTRACT)):
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        attempt(f"send to {what}", sender.sendto, b"one", address)
        if attempt(f"connect to {what}", connect, sender, address):
            attempt("send", sender.send, b"two")


def connect(sender: socket.socket, address: str) -> bool:
    """Connect; tell that it went well."""
    sender.connect(address)
    return True
