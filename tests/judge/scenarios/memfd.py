"""A memory file: what label it has, and what is asked when it is written, sealed, mapped and executed."""

import fcntl
import mmap
import os

from tests.judge.stage import Stage, attempt, execute, file_context

DOMAINS = "maker"
OBJECTS = ""
RULES = ""


def scenario(stage: Stage) -> None:
    stage.run("maker", make)


def make() -> None:
    descriptor = attempt("create", os.memfd_create, "memory", os.MFD_ALLOW_SEALING)
    if descriptor is None:
        return
    attempt("label", file_context, descriptor, show=True)
    attempt("write", os.write, descriptor, b"#!/bin/sh\nexit 3\n")
    attempt("truncate", os.ftruncate, descriptor, 4096)
    attempt("map", mmap.mmap, descriptor, 4096, mmap.MAP_SHARED, mmap.PROT_READ)
    attempt("seal", fcntl.fcntl, descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
    execute("execute", f"/proc/self/fd/{descriptor}")
