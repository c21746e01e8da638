"""Names change places, or are taken only where nothing is: both directions of an exchange are asked."""

import ctypes
import os

from tests.judge.stage import Stage, attempt

DOMAINS = "mover"
OBJECTS = "shelf note kept"
RULES = """
(allow mover shelf (dir (getattr search write add_name remove_name)))
(allow mover note (file (rename unlink)))
"""
AT_FDCWD, RENAME_NOREPLACE, RENAME_EXCHANGE = -100, 1, 2


def scenario(stage: Stage) -> None:
    stage.directory("shelf", "shelf")
    for name in ("one", "two"):
        stage.file(f"shelf/{name}", "note")
    stage.file("shelf/kept", "kept")
    stage.run("mover", move)


def move() -> None:
    library = ctypes.CDLL(None, use_errno=True)

    def rename(old: str, new: str, flags: int) -> None:
        if library.renameat2(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), flags):
            raise OSError(ctypes.get_errno(), "renameat2")

    attempt("exchange", rename, "shelf/one", "shelf/two", RENAME_EXCHANGE)
    attempt("exchange with one that is kept", rename, "shelf/one", "shelf/kept", RENAME_EXCHANGE)
    attempt("exchange of one that is kept", rename, "shelf/kept", "shelf/one", RENAME_EXCHANGE)
    attempt("onto one that is there", rename, "shelf/one", "shelf/two", RENAME_NOREPLACE)
    attempt("onto nothing", rename, "shelf/one", "shelf/three", RENAME_NOREPLACE)
    attempt("replace", os.rename, "shelf/three", "shelf/two")
