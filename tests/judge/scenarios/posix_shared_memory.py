"""POSIX shared memory is a file on a file system of memory: it is made, opened by another domain, and removed."""

import contextlib
import os

from tests.judge.stage import Stage, attempt, file_context

DOMAINS = "maker reader stranger"
OBJECTS = "memory"
RULES = """
(typetransition maker .tmpfs_t file memory)
(typeattribute users)
(typeattributeset users (maker reader stranger))
(allow users .tmpfs_t (dir (getattr search)))
(allow maker .tmpfs_t (dir (write add_name remove_name)))
(allow maker memory (file (create getattr read write open unlink)))
(allow reader memory (file (getattr read open)))
"""
PATH = "/dev/shm/judge-memory"


def scenario(stage: Stage) -> None:
    stage.cleanup.callback(remove)
    stage.run("maker", make)
    for domain in ("reader", "stranger"):
        stage.run(domain, use)


def remove() -> None:
    """Leave nothing behind."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(PATH)


def make() -> None:
    descriptor = attempt("make", os.open, PATH, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    if descriptor is not None:
        attempt("label", file_context, PATH, show=True)
        attempt("size", os.ftruncate, descriptor, 4096)


def use() -> None:
    attempt("read", os.open, PATH, os.O_RDONLY)
    attempt("write", os.open, PATH, os.O_RDWR)
    attempt("remove", os.unlink, PATH)
    attempt("make", os.open, f"{PATH}-other", os.O_RDWR | os.O_CREAT, 0o666)
