"""Resource limits: one's own and another's, read, set within bounds, and raised."""

import os
import resource
import time

from tests.judge.stage import Stage, attempt

DOMAINS = "setter other target"
OBJECTS = ""
RULES = """
(typeattribute setters)
(typeattributeset setters (setter other))
(allow setters self (capability (sys_resource)))
(allow setter target (process (getrlimit setrlimit)))
"""
CORE = resource.RLIMIT_CORE


def scenario(stage: Stage) -> None:
    target = stage.start("target", time.sleep, 60)
    stage.run("setter", change, target.pid)
    stage.run("other", change, target.pid)
    os.kill(target.pid, 15)


def change(pid: int) -> None:
    attempt("read one's own", resource.getrlimit, CORE)
    attempt("set one's own soft limit", resource.setrlimit, CORE, (0, resource.getrlimit(CORE)[1]))
    attempt("set one's own hard limit", resource.setrlimit, CORE, (0, 1 << 20))
    attempt("read another's", resource.prlimit, pid, CORE)
    attempt("set another's soft limit", resource.prlimit, pid, CORE, (1, 1 << 20))
    attempt("set another's hard limit", resource.prlimit, pid, CORE, (1, 1 << 19))
