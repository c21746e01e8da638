"""bench/sepol.c, built: what is measured against libsepol itself."""

import os
import shutil
import subprocess

_SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sepol.c")


class NoLibsepolError(Exception):
    """There is no C compiler, or no libsepol to build with; says what is missing."""


def build(directory: str) -> str:
    """Build the program in a directory and return its path.

    Raises:
        NoLibsepolError: when that is not possible here.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise NoLibsepolError("there is no C compiler (gcc or cc) on PATH")
    program = os.path.join(directory, "sepol")
    command = [compiler, "-O2", "-o", program, _SOURCE, "-lsepol"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise NoLibsepolError(
            f"bench/sepol.c cannot be built; Debian has what it needs in libsepol-dev: {result.stderr.strip()}"
        )
    return program
