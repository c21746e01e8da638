"""Flags of an open file are changed: taking append away is writing, and owner and flags take no permission of files."""

import fcntl
import os

from tests.judge.stage import Stage, attempt

DOMAINS = "appender"
OBJECTS = "data"
RULES = "(allow appender data (file (getattr append open)))"


def scenario(stage: Stage) -> None:
    stage.file("data", "data")
    stage.run("appender", change)


def change() -> None:
    descriptor = os.open("data", os.O_WRONLY | os.O_APPEND)
    attempt("write", os.write, descriptor, b"x")
    attempt("take append away", fcntl.fcntl, descriptor, fcntl.F_SETFL, 0)
    attempt("keep append", fcntl.fcntl, descriptor, fcntl.F_SETFL, os.O_APPEND | os.O_NONBLOCK)
    attempt("flags", fcntl.fcntl, descriptor, fcntl.F_GETFL)
    attempt("owner", fcntl.fcntl, descriptor, fcntl.F_SETOWN, os.getpid())
    attempt("duplicate", os.dup, descriptor)
    attempt("truncate", os.ftruncate, descriptor, 0)
    attempt("allocate", os.posix_fallocate, descriptor, 0, 10)
