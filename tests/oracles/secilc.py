"""The reference compiler: CIL to a binary policy, and that to lines."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest

SYSTEM_PYTHON = "/usr/bin/python3"

requires_secilc = pytest.mark.skipif(shutil.which("secilc") is None, reason="secilc is not installed")


def _has_setools() -> bool:
    if not Path(SYSTEM_PYTHON).exists():
        return False
    return subprocess.run([SYSTEM_PYTHON, "-c", "import setools"], capture_output=True, check=False).returncode == 0


requires_setools = pytest.mark.skipif(
    shutil.which("secilc") is None or not _has_setools(), reason="secilc or python3-setools is not installed"
)


class Compiled(NamedTuple):
    """What secilc makes of a policy: an error text, or the policy's lines and file contexts."""

    error: str
    lines: set[str]
    file_contexts: str


def compile_reference(*texts: str, read: bool = True) -> Compiled:
    """Compile CIL with secilc.

    Args:
        texts: one source each.
        read: whether to read the binary policy too.
    """
    with tempfile.TemporaryDirectory() as directory:
        names = []
        for index, text in enumerate(texts):
            (Path(directory) / f"{index}.cil").write_text(text)
            names.append(f"{index}.cil")
        done = subprocess.run(
            ["secilc", "-c", "33", "-o", "policy", "-f", "contexts", *names],
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return Compiled(done.stdout + done.stderr or "failed", set(), "")
        lines: set[str] = set()
        if read:
            script = str(Path(__file__).parent / "setools_lines.py")
            shown = subprocess.run(
                [SYSTEM_PYTHON, script, f"{directory}/policy"], capture_output=True, text=True, check=True
            )
            lines = set(shown.stdout.splitlines())
        return Compiled("", lines, (Path(directory) / "contexts").read_text())
