"""System V shared memory: each command asks for its permission on the segment."""

from tests.judge.libc import IPC_CREAT, IPC_INFO, IPC_PRIVATE, IPC_RMID, IPC_SET, IPC_STAT, call
from tests.judge.stage import Stage, attempt

DOMAINS = "owner user"
OBJECTS = ""
RULES = """
(allow owner self (shm (create getattr setattr read write destroy unix_read unix_write)))
(allow user self (capability (ipc_owner ipc_lock sys_admin)))
"""
SHM_LOCK, SHM_UNLOCK, SHM_STAT, SHM_INFO = 11, 12, 13, 14


def scenario(stage: Stage) -> None:
    owner = stage.start("owner", own, stage)
    stage.await_flag(1)
    stage.run("user", use, stage.number(0))
    stage.tell(2)
    owner.wait()


def own(stage: Stage) -> None:
    segment = call("shmget", IPC_PRIVATE, 4096, IPC_CREAT | 0o666)
    stage.set_number(0, segment)
    stage.tell(1)
    stage.await_flag(2)
    attempt("status", call, "shmctl", segment, IPC_STAT, bytes(256))
    attempt("lock", call, "shmctl", segment, SHM_LOCK, 0)
    attempt("remove", call, "shmctl", segment, IPC_RMID, 0)
    attempt("remove again", call, "shmctl", segment, IPC_RMID, 0)


def use(segment: int) -> None:
    for name, command in (("status", IPC_STAT), ("set", IPC_SET), ("remove", IPC_RMID)):
        attempt(name, call, "shmctl", segment, command, bytes(256))
    for name, command in (("lock", SHM_LOCK), ("unlock", SHM_UNLOCK)):
        attempt(name, call, "shmctl", segment, command, 0)
    attempt("limits", lambda: call("shmctl", 0, IPC_INFO, bytes(256)) and None)
    attempt("attach", call, "shmat", segment, 0, 0)
