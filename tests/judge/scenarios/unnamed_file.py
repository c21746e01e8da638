"""A file is made in a directory without a name: its label, and what is asked; then it is given a name."""

import os

from tests.judge.stage import Stage, attempt, file_context

DOMAINS = "maker other"
OBJECTS = "shelf note"
RULES = """
(typeattribute makers)
(typeattributeset makers (maker other))
(typetransition maker shelf file note)
(allow makers shelf (dir (getattr search write add_name)))
(allow maker note (file (create getattr read write open link)))
"""


def scenario(stage: Stage) -> None:
    stage.directory("shelf", "shelf")
    stage.run("maker", make)
    stage.run("other", make)


def make() -> None:
    descriptor = attempt("make", os.open, "shelf", os.O_TMPFILE | os.O_RDWR, 0o600)
    if descriptor is None:
        return
    attempt("label", file_context, descriptor, show=True)
    attempt("write", os.write, descriptor, b"x")
    attempt("name it", os.link, f"/proc/self/fd/{descriptor}", "shelf/named", src_dir_fd=descriptor)
    attempt("label", file_context, "shelf/named", show=True)
