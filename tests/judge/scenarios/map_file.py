"""A file is mapped: for reading, shared for writing, for running; each asks for ``map`` and for the access itself."""

import mmap
import os

from tests.judge.stage import Stage, attempt

DOMAINS = "mapper other"
OBJECTS = "data"
RULES = """
(typeattribute users)
(typeattributeset users (mapper other))
(allow users data (file (getattr read write open)))
(allow mapper data (file (map)))
"""


def scenario(stage: Stage) -> None:
    stage.file("data", "data", "x" * 8192)
    stage.run("other", map_it)
    stage.run("mapper", map_it)


def map_it() -> None:
    descriptor = os.open("data", os.O_RDWR)

    def ways(flags: int, protection: int) -> None:
        mmap.mmap(descriptor, 4096, flags=flags, prot=protection)

    attempt("private, reading", ways, mmap.MAP_PRIVATE, mmap.PROT_READ)
    attempt("shared, writing", ways, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
    attempt("private, writing", ways, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
    attempt("private, running", ways, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)
    attempt("shared, running", ways, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_EXEC)
    attempt("private, writing and running", ways, mmap.MAP_PRIVATE, mmap.PROT_WRITE | mmap.PROT_EXEC)
