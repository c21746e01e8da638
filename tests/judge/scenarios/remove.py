"""Names of files and directories are removed, from a directory that allows it and from one that does not."""

import os

from tests.judge.stage import Stage, attempt

DOMAINS = "remover"
OBJECTS = "shelf closed note folder kept"
RULES = """
(allow remover shelf (dir (getattr search write remove_name)))
(allow remover closed (dir (getattr search)))
(allow remover note (file (unlink)))
(allow remover folder (dir (rmdir)))
"""


def scenario(stage: Stage) -> None:
    stage.directory("shelf", "shelf")
    stage.directory("closed", "closed")
    for place in ("shelf", "closed"):
        stage.file(f"{place}/note", "note")
        stage.file(f"{place}/kept", "kept")
        stage.directory(f"{place}/folder", "folder")
        stage.directory(f"{place}/kept_folder", "kept")
    stage.run("remover", remove)


def remove() -> None:
    for place in ("shelf", "closed"):
        attempt(f"a file in {place}", os.unlink, f"{place}/note")
        attempt(f"a kept file in {place}", os.unlink, f"{place}/kept")
        attempt(f"a directory in {place}", os.rmdir, f"{place}/folder")
        attempt(f"a kept directory in {place}", os.rmdir, f"{place}/kept_folder")
        attempt(f"a missing one in {place}", os.unlink, f"{place}/missing")
