"""A System V shared memory segment is attached for reading and for writing by a domain that may only read it."""

from tests.judge.libc import IPC_CREAT, IPC_PRIVATE, IPC_RMID, IPC_STAT, SHM_RDONLY, call
from tests.judge.stage import Stage, attempt

DOMAINS = "owner reader"
OBJECTS = ""
RULES = """
(allow owner self (shm (create getattr setattr read write destroy unix_read unix_write)))
(allow reader owner (shm (read unix_read)))
"""


def scenario(stage: Stage) -> None:
    owner = stage.start("owner", own, stage)
    stage.await_flag(1)
    stage.run("reader", attach, stage.number(0))
    stage.tell(2)
    owner.wait()


def own(stage: Stage) -> None:
    segment = call("shmget", IPC_PRIVATE, 4096, IPC_CREAT | 0o666)
    stage.set_number(0, segment)
    stage.tell(1)
    stage.await_flag(2)
    attempt("remove", call, "shmctl", segment, IPC_RMID, 0)


def attach(segment: int) -> None:
    attempt("reading", call, "shmat", segment, 0, SHM_RDONLY)
    attempt("writing", call, "shmat", segment, 0, 0)
    attempt("status", call, "shmctl", segment, IPC_STAT, bytes(256))
    attempt("remove", call, "shmctl", segment, IPC_RMID, 0)
