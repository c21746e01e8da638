"""The file of a unix socket is made as files are: a label by transition, a place to be added to, and it is unlinked."""

import os
import socket

from tests.judge.stage import Stage, attempt, file_context

DOMAINS = "maker"
OBJECTS = "shelf closed name"
RULES = """
(typetransition maker shelf sock_file name)
(allow maker shelf (dir (getattr search write add_name)))
(allow maker closed (dir (getattr search)))
(allow maker name (sock_file (create getattr)))
(allow maker self (unix_stream_socket (create bind)))
(allow maker self (unix_dgram_socket (create bind)))
"""


def scenario(stage: Stage) -> None:
    stage.directory("shelf", "shelf")
    stage.directory("closed", "closed")
    stage.run("maker", make)


def make() -> None:
    attempt("stream", socket.socket(socket.AF_UNIX).bind, "shelf/stream")
    attempt("its label", file_context, "shelf/stream", show=True)
    attempt("datagram", socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).bind, "shelf/datagram")
    attempt("again", socket.socket(socket.AF_UNIX).bind, "shelf/stream")
    attempt("in a closed directory", socket.socket(socket.AF_UNIX).bind, "closed/stream")
    attempt("in no directory", socket.socket(socket.AF_UNIX).bind, "missing/stream")
    attempt("remove it", os.unlink, "shelf/stream")
