"""The group of a child that is in another domain is set and asked for, and its session is."""

import os
import signal
import time

from tests.judge.stage import Stage, attempt, set_attribute

DOMAINS = "parent child"
OBJECTS = ""
RULES = """
(allow parent self (process (setcurrent)))
(allow parent child (process (dyntransition getpgid sigkill)))
(allow child parent (process (sigchld)))
"""


def scenario(stage: Stage) -> None:
    stage.run("parent", start, stage)


def start(stage: Stage) -> None:
    child = os.fork()
    if child == 0:
        set_attribute("current", stage.domain_context("child"))
        stage.tell(1)
        time.sleep(60)
        os._exit(0)
    stage.await_flag(1)
    attempt("set its group", os.setpgid, child, child)
    attempt("its group", os.getpgid, child)
    attempt("its session", os.getsid, child)
    attempt("set one's own group", os.setpgid, 0, 0)
    attempt("one's own group", os.getpgid, 0)
    attempt("one's own session", os.getsid, os.getpid())
    attempt("kill it", os.kill, child, signal.SIGKILL)
    os.waitpid(child, 0)
