"""A program's file is given capabilities: by root, and by its owner who is not root."""

import os

from tests.judge.stage import Stage, attempt

DOMAINS = "giver"
OBJECTS = "program"
RULES = """
(allow giver program (file (getattr setattr read write open)))
(allow giver self (capability (setuid setgid setfcap)))
"""
NAME = "security.capability"
NET_RAW = bytes.fromhex("01000002" + "00200000" + "00000000" * 3)


def scenario(stage: Stage) -> None:
    for name, owner in (("of_root", 0), ("of_user", 1000)):
        stage.file(name, "program", mode=0o755)
        os.chown(name, owner, owner)
    stage.run("giver", give)


def give() -> None:
    attempt("root", os.setxattr, "of_root", NAME, NET_RAW)
    os.setresgid(1000, 1000, 1000)
    os.setresuid(1000, 1000, 1000)
    attempt("its owner", os.setxattr, "of_user", NAME, NET_RAW)
    attempt("another", os.setxattr, "of_root", NAME, NET_RAW)
    attempt("taken back by its owner", os.removexattr, "of_user", NAME)
    attempt("trusted by its owner", os.setxattr, "of_user", "trusted.note", b"x")
