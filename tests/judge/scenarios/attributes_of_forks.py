"""A process that a thread forks has what that thread asked for at that moment, whatever the thread asks for later."""

import os

from tests.judge.scenarios.attributes_of_threads import Thread, show, write
from tests.judge.stage import Stage, say

DOMAINS = "setter"
OBJECTS = "thing other"
RULES = """
(allow setter self (process (setfscreate getattr)))
(allow setter thing (file (create getattr write open)))
"""
_OWN = "/proc/thread-self/attr/fscreate"


def scenario(stage: Stage) -> None:
    stage.run("setter", of_who_changes, stage)
    stage.run("setter", of_who_begins, stage)
    stage.run("setter", of_grandchildren, stage)


def fork_waiting(stage: Stage, who: str, flag: int) -> int:
    """Fork a process that says what it has when a flag is raised; return its number."""
    child = os.fork()
    if child == 0:
        stage.await_flag(flag)
        show(who)
        os._exit(0)
    return child


def finish(stage: Stage, flag: int, child: int) -> None:
    """Let a process that waits say what it has, and wait for its end."""
    stage.tell(flag)
    say(os.waitpid(child, 0)[1])


def of_who_changes(stage: Stage) -> None:
    other, children = Thread(), [0, 0]
    other.do(lambda: write(_OWN, stage.object_context("thing")))
    other.do(lambda: children.__setitem__(0, fork_waiting(stage, "first child", 1)))
    other.do(lambda: write(_OWN, stage.object_context("other")))
    other.do(lambda: children.__setitem__(1, fork_waiting(stage, "second child", 2)))
    other.do(lambda: write(_OWN, "\n"))
    finish(stage, 1, children[0])
    finish(stage, 2, children[1])
    other.end()


def of_who_begins(stage: Stage) -> None:
    first, second, children = Thread(), Thread(), [0, 0]
    first.do(lambda: write(_OWN, stage.object_context("thing")))
    second.do(lambda: children.__setitem__(0, fork_waiting(stage, "of one with nothing", 3)))
    children[1] = fork_waiting(stage, "of the first", 4)
    second.do(lambda: write(_OWN, stage.object_context("other")))
    write(_OWN, stage.object_context("other"))
    finish(stage, 3, children[0])
    finish(stage, 4, children[1])
    first.end()
    second.end()


def of_grandchildren(stage: Stage) -> None:
    other = Thread()
    other.do(lambda: write(_OWN, stage.object_context("thing")))
    other.do(lambda: descend(stage))
    other.end()


def descend(stage: Stage) -> None:
    """Fork a process that forks two before it asks for anything: one says what it has at once, one later."""
    child = os.fork()
    if child == 0:
        early, late = fork_waiting(stage, "early grandchild", 5), fork_waiting(stage, "late grandchild", 6)
        finish(stage, 5, early)
        write(_OWN, stage.object_context("other"))
        finish(stage, 6, late)
        os._exit(0)
    say(os.waitpid(child, 0)[1])
