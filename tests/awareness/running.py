"""What the tests of SELinux-aware programs share."""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.enforce.boxes import environment, lacking

HERE = Path(__file__).parent
LOGIN = "unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023"
"""Context of root's shell on a Debian with SELinux."""

PLACE = ("unshare", "--mount", "sh", "-ec", 'mount -t tmpfs none /srv; exec "$@"', "sh")
"""Begins a command that has an empty /srv of its own."""


@cache
def hindrance(*programs: str) -> str:
    """Return why these tests cannot be run here; empty when they can."""
    if lacking():
        return lacking()
    if os.geteuid() != 0:
        return "only root is an administrator"
    missing = [each for each in programs if shutil.which(each, path=environment()["PATH"]) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    if not Path("/usr/lib/python3/dist-packages/selinux").exists():
        return "python3-selinux is not installed"
    done = subprocess.run([*PLACE, "true"], capture_output=True, text=True, check=False, env=environment())
    return f"no directories of their own: {done.stderr.strip().splitlines()[-1:]}" if done.returncode else ""


def needs(*programs: str) -> list[pytest.MarkDecorator]:
    """Return the marks of tests that run programs."""
    reason = hindrance(*programs)
    return [pytest.mark.enforcement, pytest.mark.skipif(bool(reason), reason=reason or "nothing is missing")]


def box(root: Path, *options: str) -> list[str]:
    """Return the command that runs another in a box under Debian's policy."""
    return [sys.executable, "-m", "selbox", "run", "--quiet", "--selinux-root", str(root), *options, "--"]
