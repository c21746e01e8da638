"""A signal for a group of processes is sent when one of them may be signalled; each is asked."""

import os
import signal
import time

from tests.judge.stage import Stage, attempt, say

DOMAINS = "sender open closed"
OBJECTS = ""
RULES = "(allow sender open (process (signal signull)))"


def scenario(stage: Stage) -> None:
    members = [stage.start("closed", wait, stage), stage.start("open", wait, stage), stage.start("closed", wait, stage)]
    for member in members:
        os.setpgid(member.pid, members[0].pid)
    stage.run("sender", send, members[0].pid, members[1].pid)
    say("left", [os.getpgid(each.pid) == members[0].pid for each in members])
    for member in members:
        os.kill(member.pid, signal.SIGKILL)


def wait(stage: Stage) -> None:
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    stage.tell(1)
    time.sleep(60)


def send(group: int, member: int) -> None:
    attempt("group", os.killpg, group, signal.SIGUSR1)
    attempt("group by nothing", os.killpg, group, 0)
    attempt("member", os.kill, member, signal.SIGUSR1)
    attempt("closed one", os.kill, group, signal.SIGUSR1)
    attempt("nobody", os.kill, 4194303, signal.SIGUSR1)
    attempt("no signal", os.kill, member, 77)
