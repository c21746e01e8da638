"""A descriptor is passed over a socket: the receiver must be allowed to use it and the file it leads to."""

import os
import socket

from tests.judge.stage import Stage, attempt

DOMAINS = "sender receiver unwelcome"
OBJECTS = "open_to_it closed_to_it"
RULES = """
(typeattribute receivers)
(typeattributeset receivers (receiver unwelcome))
(allow sender open_to_it (file (getattr read open)))
(allow sender closed_to_it (file (getattr read open)))
(allow sender judge.driver (unix_stream_socket (read write getattr)))
(allow receivers judge.driver (unix_stream_socket (read write getattr)))
(allow receivers open_to_it (file (getattr read)))
(allow receiver sender (fd (use)))
"""


def scenario(stage: Stage) -> None:
    stage.file("open", "open_to_it")
    stage.file("closed", "closed_to_it")
    for domain in ("receiver", "unwelcome"):
        ours, theirs = socket.socketpair()
        stage.run("sender", send, ours)
        stage.run(domain, receive, theirs)


def send(channel: socket.socket) -> None:
    for name in ("open", "closed"):
        attempt(f"send {name}", socket.send_fds, channel, [b"x"], [os.open(name, os.O_RDONLY)])


def receive(channel: socket.socket) -> None:
    for name in ("open", "closed"):
        received = attempt(f"receive {name}", socket.recv_fds, channel, 1, 1)
        for descriptor in received[1] if received else ():
            attempt("read it", os.read, descriptor, 1)
