"""A permissive domain does what it may not: each denial is recorded once, and what dontaudit hides is not."""

import os

from tests.judge.stage import Stage, attempt

DOMAINS = "lax"
OBJECTS = "data hidden"
RULES = """
(typepermissive lax)
(dontaudit lax hidden (file (read)))
"""


def scenario(stage: Stage) -> None:
    stage.file("data", "data", "content")
    stage.file("hidden", "hidden", "content")
    stage.run("lax", use)


def use() -> None:
    for name in ("data", "hidden"):
        for again in ("", " again"):
            attempt(f"read {name}{again}", os.open, name, os.O_RDONLY)
    attempt("write data", os.open, "data", os.O_RDWR)
