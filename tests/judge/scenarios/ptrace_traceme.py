"""A process asks to be traced by its parent, which may not trace it; and by one which may."""

import os

from tests.judge.libc import call
from tests.judge.stage import Stage, attempt, say_end, set_attribute

DOMAINS = "parent debugger child"
OBJECTS = ""
RULES = """
(typeattribute parents)
(typeattributeset parents (parent debugger))
(allow parents self (process (setcurrent)))
(allow parents child (process (dyntransition)))
(allow debugger child (process (ptrace)))
(allow child parents (process (sigchld)))
"""
PTRACE_TRACEME = 0


def scenario(stage: Stage) -> None:
    for parent in ("parent", "debugger"):
        stage.run(parent, start, stage.domain_context("child"))


def start(context: str) -> None:
    child = os.fork()
    if child == 0:
        attempt("enter", set_attribute, "current", context)
        attempt("trace me", call, "ptrace", PTRACE_TRACEME, 0, 0, 0)
        os._exit(0)
    say_end("child", os.waitpid(child, 0)[1])
