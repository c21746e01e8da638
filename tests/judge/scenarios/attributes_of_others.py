"""The context of another process is read, and a process tries to write another's."""

import os
import time

from tests.judge.stage import Stage, attempt, context_of

DOMAINS = "asker viewer target"
OBJECTS = ""
RULES = """
(typeattribute askers)
(typeattributeset askers (asker viewer))
(allow askers target (dir (search)))
(allow askers target (file (read write open)))
(allow viewer target (process (getattr)))
"""


def scenario(stage: Stage) -> None:
    target = stage.start("target", time.sleep, 60)
    stage.run("asker", ask, target.pid, stage.domain_context("asker"))
    stage.run("viewer", ask, target.pid, stage.domain_context("viewer"))
    os.kill(target.pid, 15)


def ask(pid: int, context: str) -> None:
    attempt("current", context_of, pid, show=True)
    attempt("exec", context_of, pid, "exec", show=True)
    attempt("write current", write, f"/proc/{pid}/attr/current", context)
    attempt("write exec", write, f"/proc/{pid}/attr/exec", context)


def write(path: str, text: str) -> None:
    """Write a text in one go."""
    os.write(os.open(path, os.O_WRONLY), text.encode())
