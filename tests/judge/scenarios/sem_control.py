"""System V semaphores: each command and operation asks for its permission on the set."""

import struct

from tests.judge.libc import IPC_CREAT, IPC_PRIVATE, IPC_RMID, IPC_SET, IPC_STAT, call
from tests.judge.stage import Stage, attempt

DOMAINS = "owner reader stranger"
OBJECTS = ""
RULES = """
(allow owner self (sem (create getattr setattr read write destroy unix_read unix_write associate)))
(allow reader owner (sem (read unix_read associate)))
"""
COMMANDS = {"GETPID": 11, "GETVAL": 12, "GETALL": 13, "GETNCNT": 14, "GETZCNT": 15, "SETVAL": 16, "SETALL": 17}
KEY = 0x6A756467
TOO_LARGE = 1 << 15


def scenario(stage: Stage) -> None:
    owner = stage.start("owner", own, stage)
    stage.await_flag(1)
    for domain in ("reader", "stranger"):
        stage.run(domain, use, stage.number(0))
    stage.tell(2)
    owner.wait()


def own(stage: Stage) -> None:
    semaphores = call("semget", KEY, 2, IPC_CREAT | 0o666)
    stage.set_number(0, semaphores)
    attempt("another set", lambda: call("semctl", call("semget", IPC_PRIVATE, 1, 0o600), 0, IPC_RMID, 0))
    attempt("up", call, "semop", semaphores, struct.pack("=HhH", 0, 1, 0), 1)
    stage.tell(1)
    stage.await_flag(2)
    attempt("remove", call, "semctl", semaphores, 0, IPC_RMID, 0)


def use(semaphores: int) -> None:
    attempt("by its key", lambda: call("semget", KEY, 2, 0) and None)
    attempt("by its key, to change", lambda: call("semget", KEY, 2, 0o600) and None)
    for name, command in COMMANDS.items():
        argument = TOO_LARGE if name == "SETVAL" else bytes(16)
        attempt(name, lambda *words: call("semctl", *words) and None, semaphores, 0, command, argument)
    attempt("SETVAL in range", call, "semctl", semaphores, 0, COMMANDS["SETVAL"], 1)
    for name, command in (("STAT", IPC_STAT), ("SET", IPC_SET), ("RMID", IPC_RMID)):
        attempt(name, call, "semctl", semaphores, 0, command, bytes(256))
    attempt("down", call, "semop", semaphores, struct.pack("=HhH", 0, -1, 0), 1)
    attempt("wait for nothing", call, "semop", semaphores, struct.pack("=HhH", 1, 0, 0), 1)
