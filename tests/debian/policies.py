"""Debian's real policies as the tests take them, and selbox's compilation of them."""

import gc
from pathlib import Path

import debianpolicy
import pytest

from selbox.compiler.compile import compile_policy
from selbox.diagnostics import SourceFile
from selbox.language.cil import parse
from selbox.model.policy import Policy


def modules(name: str) -> list[str]:
    """Return the paths of a policy's modules as CIL; skip the test where they cannot be had."""
    try:
        return debianpolicy.cil_files(name)
    except debianpolicy.PolicyUnavailableError as error:
        pytest.skip(f"Debian's {name} policy is not available: {error}")


def compile_files(paths: list[str]) -> Policy:
    """Compile CIL files."""
    gc.disable()
    try:
        return compile_policy([parse(SourceFile(Path(path).name, Path(path).read_text())) for path in paths])
    finally:
        gc.enable()
