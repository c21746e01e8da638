"""What ``/proc`` tells of a process has that process's label, and some of it asks for ``ptrace`` besides."""

import os
import time

from tests.judge.stage import Stage, attempt, context_of

DOMAINS = "asker reader target"
OBJECTS = ""
RULES = """
(typeattribute askers)
(typeattributeset askers (asker reader))
(allow askers self (capability (sys_ptrace)))
(allow reader target (dir (getattr search open read)))
(allow reader target (file (getattr open read)))
(allow reader target (lnk_file (getattr read)))
"""


def scenario(stage: Stage) -> None:
    target = stage.start("target", time.sleep, 60)
    stage.run("asker", ask, target.pid)
    stage.run("reader", ask, target.pid)
    os.kill(target.pid, 15)


def ask(pid: int) -> None:
    for name in ("stat", "status", "environ", "maps", "mem", "oom_score_adj", "attr/current", "limits", "wchan"):
        attempt(name, read, f"/proc/{pid}/{name}")
    for name in ("exe", "cwd", "root", "fd/0", "ns/user"):
        attempt(name, os.readlink, f"/proc/{pid}/{name}")
    attempt("fd", os.listdir, f"/proc/{pid}/fd")
    attempt("task", os.listdir, f"/proc/{pid}/task")
    attempt("status of the directory", os.stat, f"/proc/{pid}")
    attempt("context", context_of, pid)


def read(path: str) -> None:
    """Open a file and read nothing of it."""
    os.close(os.open(path, os.O_RDONLY))
