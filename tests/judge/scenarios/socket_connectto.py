"""Stream sockets with a path and with an abstract name: who may connect is asked of the listener and of its file."""

import socket

from tests.judge.stage import Stage, attempt, say

DOMAINS = "server friend stranger"
OBJECTS = "name"
RULES = """
(allow server self (unix_stream_socket (create bind listen accept getattr getopt setopt read write)))
(typetransition server judge.place sock_file name)
(allow server name (sock_file (create)))
(typeattribute clients) (typeattributeset clients (friend stranger))
(allow clients self (unix_stream_socket (create connect getopt read write)))
(allow friend name (sock_file (write getattr)))
(allow friend server (unix_stream_socket (connectto)))
(allow stranger name (sock_file (write getattr)))
"""
ABSTRACT = "\0judge-connectto"


def scenario(stage: Stage) -> None:
    server = stage.start("server", serve, stage)
    stage.await_flag(0)
    stage.run("friend", connect)
    stage.run("stranger", connect)
    stage.tell(1)
    server.wait()


def serve(stage: Stage) -> None:
    listeners = []
    for address in ("path", ABSTRACT):
        listener = socket.socket(socket.AF_UNIX)
        attempt("bind", listener.bind, address)
        listener.listen()
        listeners.append(listener)
    stage.tell(0)
    stage.await_flag(1)
    for listener in listeners:
        connection, _ = listener.accept()
        say("peer", connection.getsockopt(socket.SOL_SOCKET, 31, 256).rstrip(b"\0").decode())


def connect() -> None:
    for what, address in (("path", "path"), ("abstract", ABSTRACT), ("missing", "\0judge-missing")):
        client = socket.socket(socket.AF_UNIX)
        if attempt(what, client.connect, address) is None:
            client.close()
