"""A second name for a file: where the file may be linked and where it may not, in a directory that takes it or not."""

import os

from tests.judge.stage import Stage, attempt

DOMAINS = "linker"
OBJECTS = "shelf closed note kept"
RULES = """
(allow linker shelf (dir (getattr search write add_name)))
(allow linker closed (dir (getattr search)))
(allow linker note (file (getattr read open link)))
(allow linker kept (file (getattr read open)))
"""


def scenario(stage: Stage) -> None:
    stage.directory("shelf", "shelf")
    stage.directory("closed", "closed")
    stage.file("note", "note")
    stage.file("kept", "kept")
    stage.run("linker", link)


def link() -> None:
    attempt("a file", os.link, "note", "shelf/note")
    attempt("a file again", os.link, "note", "shelf/note")
    attempt("into a closed directory", os.link, "note", "closed/note")
    attempt("a file that may not be linked", os.link, "kept", "shelf/kept")
    descriptor = os.open("note", os.O_RDONLY)
    attempt("by descriptor", os.link, f"/proc/self/fd/{descriptor}", "shelf/third", src_dir_fd=descriptor)
    attempt("a directory", os.link, "shelf", "shelf/directory")
