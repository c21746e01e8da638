"""A label that may not be on a file system: files are neither created with it nor relabelled to it."""

import os

from tests.judge.stage import Stage, attempt, set_attribute

DOMAINS = "maker"
OBJECTS = "draft"
RULES = """
(type foreign)
(roletype object_r foreign)
(allow maker self (process (setfscreate)))
(allow maker foreign (file (create getattr write open relabelto)))
(allow maker foreign (dir (create)))
(allow maker draft (file (getattr relabelfrom)))
"""


def scenario(stage: Stage) -> None:
    stage.file("draft", "draft")
    stage.run("maker", make, stage.object_context("foreign"))


def make(context: str) -> None:
    attempt("relabel", os.setxattr, "draft", "security.selinux", context.encode())
    set_attribute("fscreate", context)
    attempt("create", os.open, "new", os.O_WRONLY | os.O_CREAT)
    attempt("directory", os.mkdir, "directory")
    attempt("link", os.symlink, "x", "link")
