"""A process is reached by a descriptor of it: a signal is sent and one of its descriptors taken."""

import os
import time

from tests.judge.libc import call
from tests.judge.stage import Stage, attempt

DOMAINS = "holder debugger target"
OBJECTS = "data"
RULES = """
(typeattribute holders)
(typeattributeset holders (holder debugger))
(allow holders self (capability (sys_ptrace)))
(allow debugger target (process (ptrace signull)))
(allow debugger target (fd (use)))
(allow debugger data (file (read)))
(allow target data (file (getattr read open)))
"""


def scenario(stage: Stage) -> None:
    stage.file("data", "data")
    target = stage.start("target", hold, stage)
    stage.await_flag(1)
    for domain in ("holder", "debugger"):
        stage.run(domain, reach, target.pid, stage.number(0))
    os.kill(target.pid, 15)


def hold(stage: Stage) -> None:
    stage.set_number(0, os.open("data", os.O_RDONLY))
    stage.tell(1)
    time.sleep(60)


def reach(pid: int, number: int) -> None:
    descriptor = attempt("open", os.pidfd_open, pid)
    if descriptor is None:
        return
    attempt("signal", call, "pidfd_send_signal", descriptor, 0, 0, 0)
    taken = attempt("take a descriptor", call, "pidfd_getfd", descriptor, number, 0)
    if taken is not None:
        attempt("read it", os.read, taken, 1)
