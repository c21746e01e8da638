"""A process writes its own current context: one it may take, one it may not, one that is none."""

from tests.judge.stage import Stage, attempt, context_of, say, set_attribute

DOMAINS = "before after elsewhere"
OBJECTS = ""
RULES = """
(allow before self (process (setcurrent)))
(allow before after (process (dyntransition)))
(allow after self (process (setcurrent)))
"""


def scenario(stage: Stage) -> None:
    stage.run("before", change, stage)


def change(stage: Stage) -> None:
    attempt("not allowed", set_attribute, "current", stage.domain_context("elsewhere"))
    attempt("invalid", set_attribute, "current", "system_u:system_r:no_such_t:s0")
    attempt("empty", set_attribute, "current", "")
    attempt("its own", set_attribute, "current", stage.domain_context("before"))
    attempt("allowed", set_attribute, "current", stage.domain_context("after"))
    say("now", context_of())
    attempt("back", set_attribute, "current", stage.domain_context("before"))
