"""The heap and the stack are made to run: each has its permission of class process."""

import ctypes
import mmap

from tests.judge.libc import call
from tests.judge.stage import Stage, attempt, read_file

DOMAINS = "runner allowed"
OBJECTS = ""
RULES = "(allow allowed self (process (execmem execheap execstack)))"
_PAGE = 4096
_ALL = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC


def scenario(stage: Stage) -> None:
    stage.run("runner", make_run)
    stage.run("allowed", make_run)


def make_run() -> None:
    attempt("heap", call, "mprotect", heap(), _PAGE, _ALL)
    attempt("stack", call, "mprotect", mapping("[stack]"), _PAGE, _ALL)


def heap() -> int:
    """Return a page within the heap."""
    library = ctypes.CDLL(None)
    library.sbrk.restype = ctypes.c_long
    library.sbrk.argtypes = [ctypes.c_long]
    place = int(library.sbrk(4 * _PAGE))
    return (place + 2 * _PAGE) & -_PAGE


def mapping(name: str) -> int:
    """Return where the last page of a mapping begins."""
    maps = read_file("/proc/self/maps").decode().splitlines()
    line = next(line for line in maps if line.endswith(name))
    return int(line.split()[0].partition("-")[2], 16) - _PAGE
