"""Mode, owner, times, size and extended attributes are changed by a domain that may not, and by one that may."""

import os

from tests.judge.stage import Stage, attempt

DOMAINS = "changer other"
OBJECTS = "data"
RULES = """
(allow changer data (file (getattr setattr write open)))
(allow changer self (capability (chown fowner fsetid)))
"""


def scenario(stage: Stage) -> None:
    stage.file("data", "data", "content")
    stage.run("other", change)
    stage.run("changer", change)


def change() -> None:
    attempt("chmod", os.chmod, "data", 0o640)
    attempt("chown", os.chown, "data", 1000, 1000)
    attempt("utimes", os.utime, "data", (1, 1))
    attempt("utimes now", os.utime, "data")
    attempt("setxattr", os.setxattr, "data", "user.note", b"x")
    attempt("getxattr", os.getxattr, "data", "user.note", show=True)
    attempt("listxattr", os.listxattr, "data")
    attempt("removexattr", os.removexattr, "data", "user.note")
    attempt("truncate", os.truncate, "data", 3)
