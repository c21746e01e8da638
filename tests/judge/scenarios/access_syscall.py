"""``access`` asks for what a domain may do: denials of it are audited under their own permission."""

import os

from tests.judge.stage import Stage, attempt

DOMAINS = "asker"
OBJECTS = "data silent"
RULES = """
(allow asker data (file (getattr read)))
(dontaudit asker silent (file (audit_access)))
"""


def scenario(stage: Stage) -> None:
    stage.file("data", "data", mode=0o777)
    stage.file("silent", "silent", mode=0o777)
    stage.run("asker", ask)


def ask() -> None:
    for name in ("data", "silent"):
        for mode, word in ((os.F_OK, "exists"), (os.R_OK, "read"), (os.W_OK, "write"), (os.X_OK, "execute")):
            attempt(f"{name} {word}", os.access, name, mode, show=True)
