"""A process asks for another's group, session, priority, scheduler and processors, and sets them, unpermitted."""

import os
import time

from tests.judge.stage import Stage, attempt

DOMAINS = "asker target"
OBJECTS = ""
RULES = "(allow asker self (capability (sys_nice)))"


def scenario(stage: Stage) -> None:
    target = stage.start("target", time.sleep, 30)
    stage.run("asker", ask, target.pid)
    os.kill(target.pid, 15)


def ask(pid: int) -> None:
    attempt("getpgid", os.getpgid, pid)
    attempt("getsid", os.getsid, pid)
    attempt("getpriority", os.getpriority, os.PRIO_PROCESS, pid)
    attempt("sched_getscheduler", os.sched_getscheduler, pid)
    attempt("sched_getparam", os.sched_getparam, pid)
    attempt("sched_getaffinity", os.sched_getaffinity, pid)
    attempt("setpriority", os.setpriority, os.PRIO_PROCESS, pid, 5)
    attempt("sched_setscheduler", os.sched_setscheduler, pid, os.SCHED_BATCH, os.sched_param(0))
    attempt("sched_setaffinity", os.sched_setaffinity, pid, {0})
    attempt("setpgid of another's child", os.setpgid, pid, pid)
