"""Directories: passing through, listing, entering and opening each take a permission of their own."""

import os

from tests.judge.stage import Stage, attempt

DOMAINS = "walker"
OBJECTS = "shut passage listed note"
RULES = """
(allow walker passage (dir (search)))
(allow walker listed (dir (getattr read open)))
(allow walker note (file (getattr read open)))
"""


def scenario(stage: Stage) -> None:
    for name in ("shut", "passage", "listed"):
        stage.directory(name, name)
        stage.file(f"{name}/note", "note")
    stage.run("walker", walk)


def walk() -> None:
    for name in ("shut", "passage", "listed"):
        attempt(f"open through {name}", os.open, f"{name}/note", os.O_RDONLY)
        attempt(f"list {name}", os.listdir, name)
        attempt(f"status of {name}", os.stat, name)
        attempt(f"a name that is not in {name}", os.open, f"{name}/missing", os.O_RDONLY)
    descriptor = attempt("open listed", os.open, "listed", os.O_RDONLY | os.O_DIRECTORY)
    if descriptor is not None:
        attempt("open from its descriptor", os.open, "note", os.O_RDONLY, dir_fd=descriptor)
        attempt("enter by descriptor", os.fchdir, descriptor)
    attempt("enter shut", os.chdir, "shut")
    attempt("enter passage", os.chdir, "passage")
    attempt("open there", os.open, "note", os.O_RDONLY)
    attempt("open up", os.open, "../listed", os.O_RDONLY)
