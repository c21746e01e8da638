"""A file was opened in one domain; the process is in another now, and what it does with it is asked again."""

import os

from tests.judge.stage import Stage, attempt, set_attribute

DOMAINS = "opener heir stranger"
OBJECTS = "data"
RULES = """
(typeattribute others)
(typeattributeset others (heir stranger))
(allow opener self (process (setcurrent)))
(allow opener others (process (dyntransition)))
(allow opener data (file (getattr read write open)))
(allow heir opener (fd (use)))
(allow heir data (file (read)))
"""


def scenario(stage: Stage) -> None:
    stage.file("data", "data", "content")
    for other in ("heir", "stranger"):
        stage.run("opener", use, stage.domain_context(other))


def use(context: str) -> None:
    descriptor = os.open("data", os.O_RDWR)
    attempt("read as who opened it", os.read, descriptor, 1)
    set_attribute("current", context)
    attempt("read", os.read, descriptor, 1)
    attempt("write", os.write, descriptor, b"x")
    attempt("seek", os.lseek, descriptor, 0, os.SEEK_SET)
    attempt("status", os.fstat, descriptor)
    attempt("truncate", os.ftruncate, descriptor, 0)
    attempt("synchronize", os.fsync, descriptor)
