"""A user namespace is entered, and capabilities in it asked of class cap_userns."""

import ctypes
import os
import socket

from tests.judge.stage import Stage, attempt

DOMAINS = "maker plain"
OBJECTS = ""
RULES = "(allow maker self (capability (sys_admin setuid setgid)))"
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWUSER = 0x20000, 0x4000000, 0x10000000


def scenario(stage: Stage) -> None:
    for domain in ("maker", "plain"):
        stage.run(domain, separate)


def separate() -> None:
    library = ctypes.CDLL(None, use_errno=True)

    def unshare(flags: int) -> None:
        if library.unshare(flags):
            raise OSError(ctypes.get_errno(), "unshare")

    attempt("names of the machine", unshare, CLONE_NEWUTS)
    attempt("users", unshare, CLONE_NEWUSER)
    attempt("names of the machine, as a user of its own", unshare, CLONE_NEWUTS)
    attempt("host name", socket.sethostname, socket.gethostname())
    attempt("mounts", unshare, CLONE_NEWNS)
    attempt("setuid", os.setuid, 0)
