"""What the tests with SELinux-aware programs share."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from tests.enforce.boxes import Box, environment

USERS = [
    pytest.param(None, id="own user"),
    pytest.param(65534, id="nobody", marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another")),
]
"""Whom a test is run as."""

PYTHON = shutil.which("python3", path=environment()["PATH"])
"""The system's Python, for programs of the tests; None where there is none."""

CALL = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *words):
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in words]
    result = libc.syscall(ctypes.c_long(number), *words)
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result
"""
"""A program in Python begins with it that makes system calls by their numbers."""


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skip a test where one of the programs is missing."""
    missing = [name for name in programs if shutil.which(name, path=environment()["PATH"]) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


needs_python = pytest.mark.skipif(PYTHON is None, reason="no python3 among the programs of the system")


def make_box(factory: pytest.TempPathFactory, policy: str, user: int | None) -> Box:
    """Make a box in a directory that everybody can reach."""
    directory = factory.mktemp("box")
    for parent in (directory.parent, directory.parent.parent, directory.parent.parent.parent):
        if parent.stat().st_uid == os.geteuid() and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | stat.S_IXOTH | stat.S_IROTH)
    return Box(directory, policy, user)
