"""Sequenced packets between unix sockets have the class of streams; a pair asks for its creation alone."""

import socket

from tests.judge.stage import Stage, attempt

DOMAINS = "pair_maker server client"
OBJECTS = ""
RULES = """
(allow pair_maker self (unix_stream_socket (create read write)))
(allow server self (unix_stream_socket (create bind listen accept read)))
(allow client self (unix_stream_socket (create connect write)))
(allow client server (unix_stream_socket (connectto)))
"""
ABSTRACT = "\0judge-seqpacket"


def scenario(stage: Stage) -> None:
    stage.run("pair_maker", make_pairs)
    server = stage.start("server", serve, stage)
    stage.await_flag(0)
    stage.run("client", connect, stage)
    server.wait()


def make_pairs() -> None:
    for name, kind in (("stream", socket.SOCK_STREAM), ("seqpacket", socket.SOCK_SEQPACKET)):
        pair = attempt(name, socket.socketpair, socket.AF_UNIX, kind)
        if pair is not None:
            attempt("send", pair[0].send, b"x")
            attempt("receive", pair[1].recv, 1)
    attempt("datagram", socket.socketpair, socket.AF_UNIX, socket.SOCK_DGRAM)


def serve(stage: Stage) -> None:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(ABSTRACT)
    listener.listen()
    stage.tell(0)
    connection, _ = listener.accept()
    attempt("receive", connection.recv, 10, show=True)
    attempt("send", connection.send, b"back")
    stage.tell(1)


def connect(stage: Stage) -> None:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    attempt("connect", client.connect, ABSTRACT)
    attempt("send", client.send, b"packet")
    stage.await_flag(1)
