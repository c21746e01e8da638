"""A process is traced, its memory read and its registers asked for, by a domain that may not and by one that may."""

import ctypes
import os
import signal
import time

from tests.judge.libc import call
from tests.judge.stage import Stage, attempt

DOMAINS = "tracer debugger target"
OBJECTS = ""
RULES = """
(typeattribute tracers)
(typeattributeset tracers (tracer debugger))
(allow tracers self (capability (sys_ptrace)))
(allow debugger target (process (ptrace)))
(allow target tracers (process (sigchld)))
"""
PTRACE_ATTACH, PTRACE_DETACH, PTRACE_SEIZE = 16, 17, 0x4206
KCMP_FILES = 2


def scenario(stage: Stage) -> None:
    target = stage.start("target", time.sleep, 60)
    stage.run("tracer", trace, target.pid)
    stage.run("debugger", trace, target.pid)
    os.kill(target.pid, signal.SIGTERM)


def trace(pid: int) -> None:
    attempt("kcmp", call, "kcmp", os.getpid(), pid, KCMP_FILES, 0, 0)
    attempt("process_vm_readv", read_memory, pid)
    attempt("seize", call, "ptrace", PTRACE_SEIZE, pid, 0, 0)
    attempt("attach", call, "ptrace", PTRACE_ATTACH, pid, 0, 0)


def read_memory(pid: int) -> None:
    """Read a byte of another process, which was forked from the same one and so has it at the same address."""
    source, target = ctypes.create_string_buffer(1), ctypes.create_string_buffer(1)
    vectors = (ctypes.c_ulong * 4)(ctypes.addressof(target), 1, ctypes.addressof(source), 1)
    place = ctypes.addressof(vectors)
    call("process_vm_readv", pid, place, 1, place + 16, 1, 0)
