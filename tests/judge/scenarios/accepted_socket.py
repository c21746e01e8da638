"""An accepted connection has the label of its listener, not of who accepts it; accepting asks of the listener."""

import socket

from tests.judge.stage import Stage, attempt, file_context, set_attribute

DOMAINS = "listener_maker acceptor client"
OBJECTS = ""
RULES = """
(allow listener_maker self (process (setcurrent)))
(allow listener_maker acceptor (process (dyntransition)))
(allow listener_maker self (unix_stream_socket (create bind listen accept getattr)))
(allow acceptor listener_maker (fd (use)))
(allow acceptor listener_maker (unix_stream_socket (accept getattr read write)))
(allow client self (unix_stream_socket (create connect)))
(allow client listener_maker (unix_stream_socket (connectto)))
"""
ABSTRACT = "\0judge-accepted"


def scenario(stage: Stage) -> None:
    server = stage.start("listener_maker", serve, stage)
    stage.await_flag(0)
    client = stage.start("client", connect, stage)
    server.wait()
    client.wait()


def serve(stage: Stage) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(ABSTRACT)
    listener.listen()
    set_attribute("current", stage.domain_context("acceptor"))
    stage.tell(0)
    accepted = attempt("accept", listener.accept)
    if accepted is not None:
        attempt("its label", file_context, accepted[0].fileno(), show=True)
        attempt("send", accepted[0].send, b"x")
    attempt("listen again", listener.listen)
    stage.tell(1)


def connect(stage: Stage) -> None:
    client = socket.socket(socket.AF_UNIX)
    attempt("connect", client.connect, ABSTRACT)
    stage.await_flag(1)
