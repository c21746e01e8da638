"""Capabilities are read of another process, and dropped by one's own."""

import ctypes
import os
import struct
import time

from tests.judge.stage import Stage, attempt

DOMAINS = "asker setter target"
OBJECTS = ""
RULES = "(allow setter self (process (getcap setcap))) (allow setter target (process (getcap)))"
_VERSION = 0x20080522


def scenario(stage: Stage) -> None:
    target = stage.start("target", time.sleep, 60)
    stage.run("asker", ask, target.pid)
    stage.run("setter", ask, target.pid)
    os.kill(target.pid, 15)


def ask(pid: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)

    def change(name: str, whose: int, data: ctypes.Array[ctypes.c_char]) -> None:
        if getattr(library, name)(struct.pack("=Ii", _VERSION, whose), data):
            raise OSError(ctypes.get_errno(), name)

    data = ctypes.create_string_buffer(24)
    attempt("read another's", change, "capget", pid, data)
    attempt("read one's own", change, "capget", 0, data)
    attempt("set one's own", change, "capset", 0, data)
