"""A private mapping of a file that was written to is made to run: that takes ``execmod`` on the file."""

import ctypes
import mmap
import os

from tests.judge.libc import call
from tests.judge.stage import Stage, attempt

DOMAINS = "modifier patcher"
OBJECTS = "code"
RULES = """
(typeattribute users)
(typeattributeset users (modifier patcher))
(allow users code (file (getattr read open map execute)))
(allow patcher code (file (execmod)))
"""


def scenario(stage: Stage) -> None:
    stage.file("code", "code", "x" * 8192)
    stage.run("modifier", patch)
    stage.run("patcher", patch)


def patch() -> None:
    descriptor = os.open("code", os.O_RDONLY)
    place = call("mmap", 0, 4096, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE, descriptor, 0)
    attempt("before it is written to", call, "mprotect", place, 4096, mmap.PROT_READ | mmap.PROT_EXEC)
    attempt("made to be written", call, "mprotect", place, 4096, mmap.PROT_READ | mmap.PROT_WRITE)
    ctypes.memset(place, 0x90, 16)
    attempt("after it was written to", call, "mprotect", place, 4096, mmap.PROT_READ | mmap.PROT_EXEC)
