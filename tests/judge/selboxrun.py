"""Performs scenarios in one box of selbox."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.judge import scenariopolicy
from tests.judge.driver import CONTEXT
from tests.judge.outcome import Outcome, outcomes

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 300


def perform(directory: Path, names: Sequence[str]) -> dict[str, Outcome]:
    """Perform scenarios in an empty directory, which is for the policy, programs and output; return what came of them.

    Raises:
        debianpolicy.PolicyUnavailableError: when Debian's policy cannot be had.
        subprocess.CalledProcessError: when a program does not compile.
    """
    policy = [word for path in scenariopolicy.write(directory, names) for word in ("--policy", path)]
    programs = directory / "programs"
    programs.mkdir()
    script = scenariopolicy.compile_programs(programs, names)
    if script and shutil.which("cc"):
        subprocess.run(["sh", "-c", script], check=True)
    audit, output = directory / "audit.log", directory / "results.json"
    box = [sys.executable, "-m", "selbox", "run", "--no-base", *policy, "--context", CONTEXT, "--audit", str(audit)]
    driver = [sys.executable, "-B", "-m", "tests.judge.driver", str(programs), str(output), *names]
    done = subprocess.run(
        [*box, "--quiet", "--", *driver],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "LC_ALL": "C",
            "HOME": os.environ.get("HOME", "/"),
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", ""),
            "PYTHONPATH": f"{ROOT}/src:{ROOT}",
        },
        timeout=SECONDS,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or done.stderr:
        raise AssertionError(f"the box ended with {done.returncode}: {done.stderr}")
    log = audit.read_text().splitlines() if audit.exists() else []
    return outcomes(json.loads(output.read_text()), log)
