"""A memory file gets its type by a transition from the domain and the type of its file system."""

import mmap
import os

from tests.judge.libc import call
from tests.judge.stage import Stage, attempt, file_context

DOMAINS = "maker"
OBJECTS = "memory"
RULES = """
(typetransition maker .tmpfs_t file memory)
(allow maker memory (file (create getattr read open)))
"""


def scenario(stage: Stage) -> None:
    stage.run("maker", make)


def make() -> None:
    descriptor = attempt("create", os.memfd_create, "memory")
    if descriptor is None:
        return
    attempt("label", file_context, descriptor, show=True)
    attempt("write", os.write, descriptor, b"x")
    attempt("read", os.read, descriptor, 1)
    attempt("map", call, "mmap", 0, 4096, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, 0)
