"""Attributes of the names security and trusted: who may read and set those that are not the label."""

import os

from tests.judge.stage import ATTRIBUTE, Stage, attempt

DOMAINS = "user"
OBJECTS = "data"
RULES = """
(allow user data (file (getattr setattr read write open)))
"""


def scenario(stage: Stage) -> None:
    stage.file("data", "data")
    stage.run("user", use)


def use() -> None:
    attempt("label", os.getxattr, "data", ATTRIBUTE, show=True)
    attempt("capabilities", os.getxattr, "data", "security.capability")
    attempt("set capabilities", os.setxattr, "data", "security.capability", bytes.fromhex("01000002") + bytes(16))
    attempt("trusted", os.getxattr, "data", "trusted.note")
    attempt("set trusted", os.setxattr, "data", "trusted.note", b"x")
    attempt("other security", os.setxattr, "data", "security.judge", b"x")
    attempt("remove other security", os.removexattr, "data", "security.judge")
    attempt("set user's", os.setxattr, "data", "user.note", b"x")
    attempt("all", os.listxattr, "data")
