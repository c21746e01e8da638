"""A thread begins with what the thread asked for that made it, not with what the first of the process asked for."""

from tests.judge.scenarios.attributes_of_threads import Thread, show, write
from tests.judge.stage import Stage

DOMAINS = "setter"
OBJECTS = "thing other"
RULES = """
(allow setter self (process (setfscreate getattr)))
"""
_OWN = "/proc/thread-self/attr/fscreate"


def scenario(stage: Stage) -> None:
    stage.run("setter", of_one, stage.object_context("thing"), stage.object_context("other"))
    stage.run("setter", of_the_first, stage.object_context("thing"))


def make(maker: Thread) -> Thread:
    """Have a thread make another one."""
    made: list[Thread] = []
    maker.do(lambda: made.append(Thread()))
    return made[0]


def of_one(one: str, other: str) -> None:
    maker = Thread()
    maker.do(lambda: write(_OWN, one))
    early, quiet = make(maker), make(maker)
    early.do(lambda: show("made by who asked"))
    grandchild = make(early)
    grandchild.do(lambda: show("made by that one"))
    Thread().do(lambda: show("made by the first"))
    maker.do(lambda: write(_OWN, other))
    quiet.do(lambda: show("made before it asked for more"))
    make(maker).do(lambda: show("made after it"))
    early.do(lambda: write(_OWN, "\n"))
    make(early).do(lambda: show("made by who took it back"))
    maker.do(lambda: write(_OWN, "\n"))
    grandchild.do(lambda: show("kept"))
    make(grandchild).do(lambda: show("made by who kept it"))
    make(maker).do(lambda: show("made when that was over"))


def of_the_first(context: str) -> None:
    before = Thread()
    write(_OWN, context)
    Thread().do(lambda: show("made by the first"))
    make(before).do(lambda: show("made by one that was there before"))
