"""Under categories, a domain reaches the objects that its own categories dominate, and no others."""

import os

from tests.judge.stage import Stage, attempt, file_context

DOMAINS = "user"
OBJECTS = "data"
RULES = """
(typeattributeset .mcs_constrained_type (user))
(allow user data (file (create getattr read write open unlink)))
(allow user data (dir (getattr search write add_name remove_name)))
"""


def scenario(stage: Stage) -> None:
    stage.directory("shelf", "data")
    stage.file("none", "data")
    stage.file("one", "data", level="s0:c1")
    stage.file("two", "data", level="s0:c2")
    stage.file("both", "data", level="s0:c1,c2")
    stage.run("user", use, "a", level="s0:c1")
    stage.run("user", use, "b", level="s0-s0:c1,c2")
    stage.run("user", use, "c")


def use(name: str) -> None:
    for path in ("none", "one", "two", "both"):
        attempt(f"{name} reads {path}", os.open, path, os.O_RDONLY)
        attempt(f"{name} writes {path}", os.open, path, os.O_WRONLY)
    descriptor = attempt(f"{name} creates", os.open, f"shelf/{name}", os.O_WRONLY | os.O_CREAT)
    if descriptor is not None:
        attempt("its label", file_context, f"shelf/{name}", show=True)
