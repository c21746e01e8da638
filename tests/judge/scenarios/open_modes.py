"""A file is opened in each mode by a domain that may only read it."""

import os

from tests.judge.stage import Stage, attempt

DOMAINS = "reader"
OBJECTS = "data"
RULES = "(allow reader data (file (getattr read open)))"


def scenario(stage: Stage) -> None:
    stage.file("data", "data", "content")
    stage.run("reader", open_in_all_modes)


def open_in_all_modes() -> None:
    attempt("read", os.open, "data", os.O_RDONLY)
    attempt("write", os.open, "data", os.O_WRONLY)
    attempt("read and write", os.open, "data", os.O_RDWR)
    attempt("append", os.open, "data", os.O_WRONLY | os.O_APPEND)
    attempt("truncate", os.open, "data", os.O_WRONLY | os.O_TRUNC)
    attempt("truncate while reading", os.open, "data", os.O_RDONLY | os.O_TRUNC)
    attempt("create what is there", os.open, "data", os.O_RDONLY | os.O_CREAT)
    attempt("create anew", os.open, "data", os.O_RDONLY | os.O_CREAT | os.O_EXCL)
    attempt("without access", os.open, "data", os.O_PATH)
    attempt("neither reading nor writing", os.open, "data", 3)
