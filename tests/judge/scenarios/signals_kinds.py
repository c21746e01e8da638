"""Each kind of signal has its permission; a domain that may only ask whether a process is there sends them all."""

import os
import signal
import time

from tests.judge.stage import Stage, attempt

DOMAINS = "sender target"
OBJECTS = ""
RULES = "(allow sender target (process (signull)))"


def scenario(stage: Stage) -> None:
    target = stage.start("target", time.sleep, 30)
    stage.run("sender", send, target.pid)
    os.kill(target.pid, signal.SIGTERM)


def send(pid: int) -> None:
    attempt("none", os.kill, pid, 0)
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGCONT, signal.SIGRTMIN):
        attempt(signal.Signals(number).name, os.kill, pid, number)
