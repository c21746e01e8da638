"""Names in two mounts: that nothing is renamed or linked across is told before policy is asked."""

import os

from tests.judge.stage import Stage, attempt

DOMAINS = "mover"
OBJECTS = "thing"
RULES = """
(allow mover thing (file (getattr)))
(allow mover thing (dir (getattr search)))
"""


def scenario(stage: Stage) -> None:
    stage.file("file", "thing")
    stage.directory("directory", "thing")
    stage.run("mover", move)


def move() -> None:
    for old in ("file", "directory", "none", "directory/."):
        for new in ("/dev/new", "/dev/null", "/dev/.", "/dev/null/"):
            attempt(f"rename {old} to {new}", os.rename, old, new)
            attempt(f"link {old} to {new}", os.link, old, new, follow_symlinks=False)
    attempt("rename beside", os.rename, "file", "other")
    attempt("link beside", os.link, "file", "other", follow_symlinks=False)
