"""A named pipe that a domain may append to is opened for appending, for writing and for reading."""

import os

from tests.judge.stage import Stage, attempt

DOMAINS = "appender"
OBJECTS = "pipe"
RULES = "(allow appender pipe (fifo_file (getattr append open)))"


def scenario(stage: Stage) -> None:
    os.mkfifo("pipe")
    stage.label("pipe", "pipe")
    stage.cleanup.callback(os.close, os.open("pipe", os.O_RDWR))
    stage.run("appender", open_in_all_ways)


def open_in_all_ways() -> None:
    attempt("append", os.open, "pipe", os.O_WRONLY | os.O_APPEND)
    attempt("write", os.open, "pipe", os.O_WRONLY)
    attempt("read", os.open, "pipe", os.O_RDONLY | os.O_NONBLOCK)
