"""Events of performance are opened for oneself, for a processor and for another process."""

import os
import struct
import time

from tests.judge.libc import call
from tests.judge.stage import Stage, attempt

DOMAINS = "watcher opener target"
OBJECTS = ""
RULES = """
(typeattribute watchers)
(typeattributeset watchers (watcher opener))
(allow watchers self (capability (sys_admin sys_ptrace)))
(allow watchers self (capability2 (perfmon)))
(allow opener self (perf_event (open kernel cpu)))
"""
SOFTWARE, CPU_CLOCK = 1, 0


def scenario(stage: Stage) -> None:
    target = stage.start("target", time.sleep, 60)
    for domain in ("watcher", "opener"):
        stage.run(domain, watch, target.pid)
    os.kill(target.pid, 15)


def watch(pid: int) -> None:
    attributes = struct.pack("=IIQ", SOFTWARE, 112, CPU_CLOCK).ljust(112, b"\0")
    attempt("oneself", lambda: call("perf_event_open", attributes, 0, -1, -1, 0) and None)
    attempt("a processor", lambda: call("perf_event_open", attributes, -1, 0, -1, 0) and None)
    attempt("another", lambda: call("perf_event_open", attributes, pid, -1, -1, 0) and None)
