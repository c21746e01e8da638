"""Memory that is written and run: mapped so, made so, without a file and with one."""

import mmap
import os

from tests.judge.libc import call
from tests.judge.stage import Stage, attempt

DOMAINS = "runner reader"
OBJECTS = "code"
RULES = """
(typeattribute users)
(typeattributeset users (runner reader))
(allow users code (file (getattr read open map)))
(allow runner code (file (execute)))
"""
_READ, _WRITE, _RUN = mmap.PROT_READ, mmap.PROT_WRITE, mmap.PROT_EXEC
_PRIVATE, _NO_FILE = mmap.MAP_PRIVATE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS


def scenario(stage: Stage) -> None:
    stage.file("code", "code", "x" * 8192)
    stage.run("reader", map_it)
    stage.run("runner", map_it)


def map_it() -> None:
    attempt("run, no file", call, "mmap", 0, 4096, _READ | _RUN, _NO_FILE, -1, 0)
    attempt("write and run, no file", call, "mmap", 0, 4096, _READ | _WRITE | _RUN, _NO_FILE, -1, 0)
    attempt("run, shared, no file", call, "mmap", 0, 4096, _READ | _RUN, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS, -1, 0)
    place = call("mmap", 0, 4096, _READ | _WRITE, _NO_FILE, -1, 0)
    attempt("made to run", call, "mprotect", place, 4096, _READ | _RUN)
    descriptor = os.open("code", os.O_RDONLY)
    attempt("run a file", call, "mmap", 0, 4096, _READ | _RUN, _PRIVATE, descriptor, 0)
    attempt("write and run a file", call, "mmap", 0, 4096, _READ | _WRITE | _RUN, _PRIVATE, descriptor, 0)
    place = call("mmap", 0, 4096, _READ, _PRIVATE, descriptor, 0)
    attempt("a file made to run", call, "mprotect", place, 4096, _READ | _RUN)
    attempt("a file made to write and run", call, "mprotect", place, 4096, _READ | _WRITE | _RUN)
