"""Running real programs in boxes, for the tests of enforcement."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from selbox.audit.avcrecord import AvcRecord, parse_record
from selbox.enforce.launch import missing_support
from tests.patience import PATIENCE


@cache
def lacking() -> str:
    """Return what this machine lacks for enforcement; empty when it lacks nothing."""
    return missing_support()


enforcement = pytest.mark.enforcement
"""Marks a test that runs real processes; ``conftest.py`` skips it where the kernel refuses."""


class Outcome(NamedTuple):
    """What came of a box."""

    status: int
    output: str
    errors: str
    records: tuple[AvcRecord, ...]

    def denied(self, tclass: str, permission: str) -> list[AvcRecord]:
        """Return the denials of one permission."""
        return [
            each
            for each in self.records
            if not each.granted and each.tclass == tclass and permission in each.permissions
        ]


class Box:
    """A directory with a policy, in which programs are run.

    Args:
        directory: empty, and reachable by everybody.
        policy: CIL on the base policy.
        user: run as this uid; the test's own when None.
    """

    def __init__(self, directory: Path, policy: str, user: int | None = None) -> None:
        self.directory = directory
        self.policy = directory / "policy.cil"
        self.policy.write_text(policy)
        self.user = user
        directory.chmod(0o777)

    def arguments(self, *options: str) -> list[str]:
        """Return the command line of ``selbox run`` with its policy and audit file, up to ``--``."""
        program = [sys.executable, "-m", "selbox", "run", "--policy", str(self.policy), "--quiet"]
        if self.user is not None:
            program = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups", *program]
        return [*program, "--audit", str(self.directory / "audit.log"), *options, "--"]

    def run(
        self,
        *command: str,
        options: tuple[str, ...] = (),
        timeout: float = PATIENCE,
        stdin: str | None = None,
        around: tuple[str, ...] = (),
    ) -> Outcome:
        """Run a command in a box of its own, which another command may start, and return what came of it."""
        audit = self.directory / "audit.log"
        audit.unlink(missing_ok=True)
        result = subprocess.run(
            [*around, *self.arguments(*options), *command],
            capture_output=True,
            text=True,
            timeout=timeout,
            input=stdin,
            check=False,
            cwd=self.directory,
            env=environment(self.user),
        )
        lines = audit.read_text().splitlines() if audit.exists() else []
        records = tuple(parse_record(line) for line in lines if line.startswith("type=AVC"))
        return Outcome(result.returncode, result.stdout, result.stderr, records)

    def shell(self, script: str, *options: str, timeout: float = PATIENCE) -> Outcome:
        """Run a shell script."""
        return self.run("/bin/sh", "-c", script, options=options, timeout=timeout)

    def file(self, name: str, content: str = "", mode: int = 0o666) -> Path:
        """Make a file in the directory."""
        path = self.directory / name
        path.write_text(content)
        path.chmod(mode)
        return path


def environment(user: int | None = None) -> dict[str, str]:
    """Return the environment of boxes: programs of the system, messages in English.

    Args:
        user: who starts the box; the test's own user when None.
    """
    return {
        "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
        "LC_ALL": "C",
        "HOME": "/",
        "XDG_CACHE_HOME": cache_of(user),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2] / "src"),
    }


@cache
def cache_of(user: int | None) -> str:
    """Return the directory in which a user's programs may keep what they like during this run of the tests."""
    own = os.environ["XDG_CACHE_HOME"]
    if user is None:
        return own
    directory = os.path.join(os.path.dirname(own), str(user))
    os.makedirs(directory, 0o700, exist_ok=True)
    os.chown(directory, user, user)
    return directory
