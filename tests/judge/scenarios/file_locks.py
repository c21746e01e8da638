"""A file is locked, in each way, by a domain that may not lock it; taking a lock off asks too."""

import fcntl
import os

from tests.judge.stage import Stage, attempt

DOMAINS = "locker other"
OBJECTS = "data"
RULES = """
(typeattribute users)
(typeattributeset users (locker other))
(allow users data (file (getattr read write open)))
(allow locker data (file (lock)))
"""


def scenario(stage: Stage) -> None:
    stage.file("data", "data")
    stage.run("other", lock)
    stage.run("locker", lock)


def lock() -> None:
    descriptor = os.open("data", os.O_RDWR)
    attempt("flock", fcntl.flock, descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    attempt("flock taken off", fcntl.flock, descriptor, fcntl.LOCK_UN)
    attempt("fcntl", fcntl.lockf, descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    attempt("fcntl taken off", fcntl.lockf, descriptor, fcntl.LOCK_UN)
    attempt("lease", fcntl.fcntl, descriptor, 1024, fcntl.F_UNLCK)
