"""Symbolic links are made, read, followed and removed; following takes read permission on the link itself."""

import os

from tests.judge.stage import Stage, attempt

DOMAINS = "walker"
OBJECTS = "note link opaque"
RULES = """
(allow walker note (file (getattr read open)))
(allow walker link (lnk_file (getattr read unlink)))
"""


def scenario(stage: Stage) -> None:
    stage.file("note", "note")
    for name in ("link", "opaque"):
        os.symlink("note", f"{name}_to_note")
        stage.label(f"{name}_to_note", name)
    stage.run("walker", walk)


def walk() -> None:
    for name in ("link_to_note", "opaque_to_note"):
        attempt(f"read {name}", os.readlink, name, show=True)
        attempt(f"open {name}", os.open, name, os.O_RDONLY)
        attempt(f"status through {name}", os.stat, name)
        attempt(f"status of {name}", os.lstat, name)
        attempt(f"remove {name}", os.unlink, name)
    attempt("make one", os.symlink, "note", "new")
