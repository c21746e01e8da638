"""Renaming in a directory and between directories, of a file and of a directory, onto nothing and onto a file."""

import os

from tests.judge.stage import Stage, attempt

DOMAINS = "mover"
OBJECTS = "shelf other_shelf note folder kept"
RULES = """
(allow mover shelf (dir (getattr search write add_name remove_name)))
(allow mover other_shelf (dir (getattr search write add_name)))
(allow mover note (file (rename)))
(allow mover folder (dir (rename)))
"""


def scenario(stage: Stage) -> None:
    stage.directory("from", "shelf")
    stage.directory("to", "other_shelf")
    stage.file("from/note", "note")
    stage.directory("from/folder", "folder")
    stage.file("from/kept", "kept")
    stage.file("to/kept", "kept")
    stage.run("mover", move)


def move() -> None:
    attempt("a file in its directory", os.rename, "from/note", "from/renamed")
    attempt("a file elsewhere", os.rename, "from/renamed", "to/note")
    attempt("a file back", os.rename, "to/note", "from/note")
    attempt("a directory in its directory", os.rename, "from/folder", "from/folder2")
    attempt("a directory elsewhere", os.rename, "from/folder2", "to/folder")
    attempt("one that may not be renamed", os.rename, "from/kept", "from/kept2")
    attempt("onto one that may not be removed", os.rename, "from/renamed", "to/kept")
