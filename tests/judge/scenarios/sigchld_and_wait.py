"""A child in another domain, that may not signal its parent, ends; the parent waits for it."""

import os

from tests.judge.stage import Stage, attempt, say_end, set_attribute

DOMAINS = "parent child"
OBJECTS = ""
RULES = """
(allow parent self (process (setcurrent)))
(allow parent child (process (dyntransition)))
"""


def scenario(stage: Stage) -> None:
    stage.run("parent", start, stage.domain_context("child"))


def start(context: str) -> None:
    child = os.fork()
    if child == 0:
        set_attribute("current", context)
        os._exit(7)
    found = attempt("wait", os.waitpid, child, 0)
    if found is not None:
        say_end("child", found[1])
