"""System V message queues: messages have labels of their own, which sender, receiver and queue are asked about."""

import struct

from tests.judge.libc import IPC_PRIVATE, IPC_RMID, IPC_SET, IPC_STAT, call
from tests.judge.stage import Stage, attempt

DOMAINS = "owner sender receiver stranger"
OBJECTS = ""
RULES = """
(allow owner self (msgq (create getattr setattr read write destroy unix_read unix_write associate enqueue)))
(allow sender owner (msgq (write unix_write enqueue)))
(allow sender self (msg (send)))
(allow sender owner (msg (send)))
(allow receiver owner (msgq (read unix_read getattr)))
(allow receiver sender (msg (receive)))
(allow receiver owner (msg (receive)))
(allow stranger owner (msgq (write unix_write enqueue read unix_read)))
"""
_MESSAGE = struct.pack("=q8s", 1, b"message")
IPC_NOWAIT = 0o4000


def scenario(stage: Stage) -> None:
    owner = stage.start("owner", own, stage)
    stage.await_flag(1)
    for domain, function in (("sender", send), ("stranger", send), ("stranger", receive), ("receiver", receive)):
        stage.run(domain, function, stage.number(0))
    stage.tell(2)
    owner.wait()


def own(stage: Stage) -> None:
    queue = call("msgget", IPC_PRIVATE, 0o666)
    stage.set_number(0, queue)
    stage.tell(1)
    stage.await_flag(2)
    attempt("remove", call, "msgctl", queue, IPC_RMID, 0)


def send(queue: int) -> None:
    attempt("send", call, "msgsnd", queue, _MESSAGE, 8, IPC_NOWAIT)
    attempt("send again", call, "msgsnd", queue, _MESSAGE, 8, IPC_NOWAIT)


def receive(queue: int) -> None:
    attempt("receive", lambda: call("msgrcv", queue, bytes(64), 8, 0, IPC_NOWAIT) and None)
    for name, command in (("status", IPC_STAT), ("set", IPC_SET), ("remove", IPC_RMID)):
        attempt(name, call, "msgctl", queue, command, bytes(256))
