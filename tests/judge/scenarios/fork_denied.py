"""A domain that may not fork makes a process and a thread, which is a task like any other."""

import os
import threading

from tests.judge.stage import Stage, attempt, say

DOMAINS = ""
OBJECTS = ""
RULES = """
(type forkless)
(roletype system_r forkless)
"""


def scenario(stage: Stage) -> None:
    stage.run("forkless", fork)


def fork() -> None:
    def child() -> None:
        if os.fork() == 0:
            os._exit(0)
        os.wait()

    attempt("process", child)
    try:
        threading.Thread(target=int).start()
    except RuntimeError:
        say("thread: no")
