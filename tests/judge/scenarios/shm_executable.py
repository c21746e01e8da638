"""A System V segment is attached to be run, and made to run afterwards: both ask for ``execmem``."""

import mmap

from tests.judge.libc import IPC_CREAT, IPC_PRIVATE, IPC_RMID, call
from tests.judge.stage import Stage, attempt

DOMAINS = "runner allowed"
OBJECTS = ""
RULES = """
(typeattribute users)
(typeattributeset users (runner allowed))
(allow users self (shm (create destroy read write unix_read unix_write)))
(allow allowed self (process (execmem)))
"""
SHM_EXEC, SHM_RDONLY = 0o100000, 0o10000
PAGE = 4096


def scenario(stage: Stage) -> None:
    for domain in ("runner", "allowed"):
        stage.run(domain, run)


def run() -> None:
    segment = call("shmget", IPC_PRIVATE, PAGE, IPC_CREAT | 0o777)
    attempt("attached to run", lambda: call("shmat", segment, 0, SHM_EXEC) and None)
    attempt("attached to read and run", lambda: call("shmat", segment, 0, SHM_EXEC | SHM_RDONLY) and None)
    place = call("shmat", segment, 0, 0)
    attempt("made to run", call, "mprotect", place, PAGE, mmap.PROT_READ | mmap.PROT_EXEC)
    call("shmctl", segment, IPC_RMID, 0)
