"""Priorities of input and output, pages and autogroups: what else asks for the scheduling of another process."""

import os
import time

from tests.judge.libc import call
from tests.judge.stage import Stage, attempt

DOMAINS = "asker target"
OBJECTS = ""
RULES = "(allow asker self (capability (sys_nice sys_admin sys_ptrace)))"
IOPRIO_WHO_PROCESS = 1
BEST_EFFORT_7 = (2 << 13) | 7


def scenario(stage: Stage) -> None:
    target = stage.start("target", time.sleep, 60)
    stage.run("asker", ask, target.pid)
    os.kill(target.pid, 15)


def ask(pid: int) -> None:
    attempt("ioprio_get", call, "ioprio_get", IOPRIO_WHO_PROCESS, pid)
    attempt("ioprio_set", call, "ioprio_set", IOPRIO_WHO_PROCESS, pid, BEST_EFFORT_7)
    attempt("sched_rr_get_interval", os.sched_rr_get_interval, pid)
    attempt("ioprio_get of oneself", call, "ioprio_get", IOPRIO_WHO_PROCESS, 0)
    attempt("getpriority of oneself", os.getpriority, os.PRIO_PROCESS, 0)
    attempt("nice", os.nice, 1)
    attempt("sched_yield", os.sched_yield)
    attempt("affinity of oneself", os.sched_getaffinity, 0)
