"""The label of a socket: the process's, or what a rule or ``sockcreate`` says; its descriptors and peers show it."""

import socket

from tests.judge.stage import Stage, attempt, file_context, say, set_attribute

DOMAINS = "maker typed asked"
OBJECTS = ""
RULES = """
(typetransition maker self tcp_socket typed)
(allow maker self (process (setsockcreate)))
(allow maker self (unix_stream_socket (create getopt getattr connect)))
(allow maker self (udp_socket (create getattr)))
(allow maker typed (tcp_socket (create getattr)))
(allow maker asked (udp_socket (create getattr)))
(allow maker asked (unix_stream_socket (create getattr getopt)))
"""
SO_PEERSEC = 31


def scenario(stage: Stage) -> None:
    stage.run("maker", make, stage)


def make(stage: Stage) -> None:
    tcp, udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
    attempt("tcp, by the policy", file_context, tcp.fileno(), show=True)
    attempt("udp", file_context, udp.fileno(), show=True)
    pair = attempt("pair", socket.socketpair)
    if pair is not None:
        attempt("its peer", peer, pair[0])
    set_attribute("sockcreate", stage.domain_context("asked"))
    udp = socket.socket(type=socket.SOCK_DGRAM)
    attempt("udp, asked for", file_context, udp.fileno(), show=True)
    pair = attempt("pair, asked for", socket.socketpair)
    if pair is not None:
        attempt("its peer", peer, pair[0])
    attempt("tcp, asked for", socket.socket)
    set_attribute("sockcreate", "")
    attempt("peer of a tcp socket", peer, tcp)


def peer(end: socket.socket) -> None:
    """Say what context a peer has."""
    say("peer", end.getsockopt(socket.SOL_SOCKET, SO_PEERSEC, 256).rstrip(b"\0").decode())
