"""A file is relabelled: from a type it may be taken from, to types it may and may not be given, and to nonsense."""

import os

from tests.judge.stage import ATTRIBUTE, Stage, attempt, file_context

DOMAINS = "relabeller"
OBJECTS = "draft final secret"
RULES = """
(allow relabeller draft (file (getattr relabelfrom)))
(allow relabeller final (file (getattr relabelto)))
"""


def scenario(stage: Stage) -> None:
    stage.file("draft", "draft")
    stage.run("relabeller", relabel, stage)
    attempt("at the end", file_context, "draft", show=True)


def relabel(stage: Stage) -> None:
    def give(context: str) -> None:
        os.setxattr("draft", ATTRIBUTE, context.encode())

    attempt("secret", give, stage.object_context("secret"))
    attempt("no context", give, "nonsense")
    attempt("the type of a domain", give, stage.domain_context("relabeller"))
    attempt("remove", os.removexattr, "draft", ATTRIBUTE)
    attempt("final", give, stage.object_context("final"))
    attempt("draft again", give, stage.object_context("draft"))
