"""The reference compiler: CIL to a binary policy, and that to lines."""

import atexit
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
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


@cache
def _setools() -> subprocess.Popen[str]:
    """Start the process that reads binary policies; it serves the whole test run."""
    script = str(Path(__file__).parent / "setools_lines.py")
    process = subprocess.Popen(
        [SYSTEM_PYTHON, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )

    def stop() -> None:
        process.communicate()

    atexit.register(stop)
    return process


def lines_of_binary(path: str) -> set[str]:
    """Return the lines of a binary policy; see ``setools_lines.py``."""
    process = _setools()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{path}\n")
    process.stdin.flush()
    lines = set()
    while (line := process.stdout.readline().rstrip("\n")) != "":
        lines.add(line)
    assert lines, "setools could not read the policy"
    return lines


class Compiled(NamedTuple):
    """What secilc makes of a policy: an error text, or the policy's lines and file contexts."""

    error: str
    lines: set[str]
    file_contexts: str
    binary: bytes


def compile_reference(*texts: str, read: bool = True, options: Sequence[str] = ()) -> Compiled:
    """Compile CIL with secilc.

    Args:
        texts: one source each.
        read: whether to read the binary policy too.
        options: further options of its command line.
    """
    with tempfile.TemporaryDirectory() as directory:
        names = []
        for index, text in enumerate(texts):
            (Path(directory) / f"{index}.cil").write_text(text)
            names.append(f"{index}.cil")
        done = subprocess.run(
            ["secilc", "-c", "33", "-o", "policy", "-f", "contexts", *options, *names],
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return Compiled(done.stdout + done.stderr or "failed", set(), "", b"")
        lines = lines_of_binary(f"{directory}/policy") if read else set()
        return Compiled(
            "", lines, (Path(directory) / "contexts").read_text(), (Path(directory) / "policy").read_bytes()
        )
