"""A socket that another domain made is used: each call asks for its permission on that domain's socket."""

import os
import socket

from tests.judge.stage import Stage, attempt, set_attribute

DOMAINS = "maker user"
OBJECTS = ""
RULES = """
(allow maker self (process (setcurrent)))
(allow maker user (process (dyntransition)))
(allow maker self (unix_stream_socket (create read write)))
(allow user maker (fd (use)))
(allow user maker (unix_stream_socket (write)))
"""


def scenario(stage: Stage) -> None:
    stage.run("maker", make, stage.domain_context("user"))


def make(context: str) -> None:
    one, other = socket.socketpair()
    one.send(b"abc")
    set_attribute("current", context)
    attempt("send", one.send, b"x")
    attempt("receive", other.recv, 1)
    attempt("write", os.write, one.fileno(), b"x")
    attempt("read", os.read, other.fileno(), 1)
    attempt("name", one.getsockname)
    attempt("shut down", one.shutdown, socket.SHUT_RDWR)
    attempt("status", os.fstat, one.fileno())
