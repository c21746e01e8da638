"""The status of a file is asked for, in each way, by a domain that may not know it."""

import os

from tests.judge.stage import Stage, attempt

DOMAINS = "asker"
OBJECTS = "data"
RULES = "(allow asker data (file (read open))) (allow asker data (lnk_file (read)))"


def scenario(stage: Stage) -> None:
    stage.file("data", "data", "content")
    os.symlink("data", "link")
    stage.label("link", "data")
    stage.run("asker", ask)


def ask() -> None:
    attempt("stat", os.stat, "data")
    attempt("stat of a link's target", os.stat, "link")
    attempt("stat of a link", os.lstat, "link")
    attempt("access", os.access, "data", os.F_OK, show=True)
    descriptor = os.open("data", os.O_RDONLY)
    attempt("fstat", os.fstat, descriptor)
    attempt("file system", os.statvfs, "data")
