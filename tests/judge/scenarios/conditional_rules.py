"""Rules under a boolean hold or do not hold as its value says."""

import os

from tests.judge.stage import Stage, attempt

DOMAINS = "user"
OBJECTS = "data"
RULES = """
(boolean may_read true)
(boolean may_write false)
(allow user data (file (getattr open)))
(booleanif may_read (true (allow user data (file (read)))))
(booleanif (and may_read may_write) (true (allow user data (file (write)))) (false (allow user data (file (append)))))
"""


def scenario(stage: Stage) -> None:
    stage.file("data", "data")
    stage.run("user", use)


def use() -> None:
    attempt("read", os.open, "data", os.O_RDONLY)
    attempt("write", os.open, "data", os.O_WRONLY)
    attempt("append", os.open, "data", os.O_WRONLY | os.O_APPEND)
