"""Debian's real policies as the tests take them, compiled by secilc and by selbox."""

import fcntl
import gc
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import debianpolicy
import pytest

from selbox.binary.kernel import write_policy
from selbox.compiler.compile import compile_policy
from selbox.compiler.text.filecontexts import file_contexts_text
from selbox.diagnostics import SourceFile
from selbox.language.cil import parse
from selbox.model.policy import Policy

VERSION = 33


def modules(name: str) -> list[str]:
    """Return the paths of a policy's modules as CIL; skip the test where they cannot be had."""
    try:
        return debianpolicy.cil_files(name)
    except debianpolicy.PolicyUnavailableError as error:
        pytest.skip(f"Debian's {name} policy is not available: {error}")


def compile_files(paths: list[str]) -> Policy:
    """Compile CIL files."""
    gc.disable()  # as the commands do: it looks for circles that trees and policies do not have
    try:
        return compile_policy([parse(SourceFile(Path(path).name, Path(path).read_text())) for path in paths])
    finally:
        gc.enable()


def by_secilc(name: str, factory: pytest.TempPathFactory) -> Path:
    """Return the path of a policy that secilc has compiled."""
    paths = modules(name)

    def make(path: Path) -> None:
        command = ["secilc", "-c", str(VERSION), "-o", str(path), "-f", "/dev/null", *paths]
        subprocess.run(command, check=True)

    return _once(f"{name}.secilc", make, factory)


def by_selbox(name: str, factory: pytest.TempPathFactory) -> Path:
    """Return the path of a policy that selbox has compiled; beside it are its file contexts (``.file_contexts``)."""
    paths = modules(name)

    def make(path: Path) -> None:
        policy = compile_files(paths)
        contexts = path.with_name(f"{path.name}.file_contexts")
        contexts.write_text(file_contexts_text(policy))
        substitutions = Path(debianpolicy.contexts_directory(name), "files", "file_contexts.subs_dist")
        shutil.copy(substitutions, f"{contexts}.subs_dist")
        path.write_bytes(write_policy(policy, VERSION))

    return _once(f"{name}.selbox", make, factory)


USERS = "root:unconfined_u:s0-s0:c0.c1023\n__default__:unconfined_u:s0-s0:c0.c1023\n"
"""Who logs in as whom (``seusers``), as Debian's package sets it up."""


def selinux_root(name: str, factory: pytest.TempPathFactory) -> Path:
    """Return a directory such as ``/etc/selinux`` of a Debian that has a policy installed."""
    policy = by_selbox(name, factory)

    def make(path: Path) -> None:
        new = path.with_name(f"{path.name}.new")
        contexts = Path(debianpolicy.contexts_directory(name))
        shutil.copytree(contexts, new / name / "contexts")
        shutil.copy(contexts.parent / "setrans.conf", new / name)
        (new / name / "seusers").write_text(USERS)
        (new / name / "policy").mkdir()
        shutil.copy(policy, new / name / "policy" / f"policy.{VERSION}")
        shutil.copy(f"{policy}.file_contexts", new / name / "contexts/files/file_contexts")
        (new / "config").write_text(f"SELINUX=permissive\nSELINUXTYPE={name}\n")
        new.rename(path)

    return _once(f"{name}.root", make, factory)


def _once(name: str, make: Callable[[Path], object], factory: pytest.TempPathFactory) -> Path:
    """Return the path of a file of this test run; the first of its processes that needs it makes it."""
    directory = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        directory = directory.parent
    path = directory / name
    with open(directory / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            make(path)
    return path
