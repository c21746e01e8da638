"""checkpolicy: binary policies to text, and the policy language to a binary policy."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from tests.oracles.secilc import lines_of_binary

requires_checkpolicy = pytest.mark.skipif(
    shutil.which("checkpolicy") is None or shutil.which("secilc") is None,
    reason="checkpolicy or secilc is not installed",
)

CIL = "-C"
LANGUAGE = "-F"


def decompile(binary: bytes, language: str, *, mls: bool = True) -> list[str]:
    """Return the lines of a binary policy's text.

    Args:
        binary: a kernel policy.
        language: :data:`CIL` or :data:`LANGUAGE`.
        mls: whether it has levels.
    """
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "policy").write_bytes(binary)
        _run(directory, *(["-M"] if mls else []), "-b", language, "-o", "text", "policy")
        return (Path(directory) / "text").read_text().splitlines()


def compile_language(text: str, handle_unknown: str, *, mls: bool = True) -> tuple[bytes, set[str]]:
    """Return the binary policy that a text in the policy language makes, and its lines as setools reads them."""
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "policy.conf").write_text(text)
        _run(directory, *(["-M"] if mls else []), "-U", handle_unknown, "-c", "33", "-o", "policy", "policy.conf")
        return (Path(directory) / "policy").read_bytes(), lines_of_binary(f"{directory}/policy")


def _run(directory: str, *arguments: str) -> None:
    done = subprocess.run(["checkpolicy", *arguments], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
