"""What is granted is recorded where a rule says so, and what is denied is not where another says so."""

import os

from tests.judge.stage import Stage, attempt

DOMAINS = "user"
OBJECTS = "seen unseen"
RULES = """
(allow user seen (file (getattr read open)))
(auditallow user seen (file (read open)))
(dontaudit user unseen (file (read)))
"""


def scenario(stage: Stage) -> None:
    stage.file("seen", "seen")
    stage.file("unseen", "unseen")
    stage.run("user", use)


def use() -> None:
    attempt("granted", os.open, "seen", os.O_RDONLY)
    attempt("granted again", os.open, "seen", os.O_RDONLY)
    attempt("granted in part", os.open, "seen", os.O_RDWR)
    attempt("hidden", os.open, "unseen", os.O_RDONLY)
    attempt("hidden in part", os.open, "unseen", os.O_RDWR)
