"""The programs that verbs take their names from, run beside selbox, and what both are given."""

import shutil
import subprocess
from pathlib import Path

import pytest

from selbox.cli.main import main

PP = "/usr/libexec/selinux/hll/pp"

WHOLE = """
(handleunknown deny)
(class file (read write)) (class process (fork))
(classorder (file process))
(sid kernel) (sidorder (kernel))
(sensitivity s0) (sensitivityorder (s0))
(category c0) (categoryorder (c0)) (sensitivitycategory s0 (c0))
(type a_t) (role r) (roletype r a_t) (user u) (userrole u r)
(userlevel u (s0)) (userrange u ((s0) (s0)))
(sidcontext kernel (u r a_t ((s0) (s0))))
(allow a_t a_t (file (read)))
(filecon "/x(/.*)?" any (u r a_t ((s0) (s0))))
"""
"""A small policy that is complete."""

MODULE = """
module sample 1.0;
require { class file { read write }; type a_t; }
type b_t;
allow b_t a_t:file read;
"""
"""A module in the policy language, on :data:`WHOLE`."""

MODULE_CONTEXTS = "/b(/.*)?\tu:object_r:b_t:s0\n"


def needs(*programs: str) -> pytest.MarkDecorator:
    """Mark a test that compares with programs, and skip it where they are missing."""
    missing = [each for each in programs if shutil.which(each) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def peer(directory: Path, *command: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """Run a reference program in a directory."""
    return subprocess.run(command, cwd=directory, input=stdin, capture_output=True, check=False)


def selbox_in(directory: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Run selbox in a directory, in this process, and return its exit status."""
    monkeypatch.chdir(directory)
    return main(list(words))


def files_of(directory: Path) -> dict[str, bytes]:
    """Return the files of a directory."""
    return {each.name: each.read_bytes() for each in directory.iterdir() if each.is_file()}


def package(directory: Path, name: str = "sample", contexts: str = MODULE_CONTEXTS) -> Path:
    """Build a module package with the reference programs."""
    (directory / f"{name}.te").write_text(MODULE.replace("sample", name))
    (directory / f"{name}.fc").write_text(contexts)
    made = directory / f"{name}.pp"
    for command in (
        ["checkmodule", "-M", "-m", "-o", f"{name}.mod", f"{name}.te"],
        ["semodule_package", "-o", made.name, "-m", f"{name}.mod", *(["-f", f"{name}.fc"] if contexts else [])],
    ):
        subprocess.run(command, cwd=directory, capture_output=True, check=True)
    return made
