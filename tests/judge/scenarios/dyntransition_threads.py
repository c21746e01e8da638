"""A process with threads changes its context: only to a type that its own bounds."""

import threading

from tests.judge.stage import Stage, attempt, context_of, set_attribute

DOMAINS = "before narrower elsewhere"
OBJECTS = ""
RULES = """
(typebounds before narrower)
(allow before self (process (setcurrent)))
(allow before narrower (process (dyntransition)))
(allow before elsewhere (process (dyntransition)))
"""


def scenario(stage: Stage) -> None:
    stage.run("before", change, stage)


def change(stage: Stage) -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    attempt("elsewhere", set_attribute, "current", stage.domain_context("elsewhere"))
    attempt("narrower", set_attribute, "current", stage.domain_context("narrower"))
    attempt("now", context_of, show=True)
    done.set()
    thread.join()
