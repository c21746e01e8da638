"""checkmodule, semodule_package and pp: the module language to packages, and those to CIL."""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

PP = "/usr/libexec/selinux/hll/pp"

requires_module_programs = pytest.mark.skipif(
    not Path(PP).exists() or shutil.which("checkmodule") is None or shutil.which("semodule_package") is None,
    reason="checkmodule, semodule_package or pp is not installed",
)

_FLAGS = {"file_contexts": "-f", "seusers": "-s", "users_extra": "-u", "netfilter_contexts": "-n"}


def package(source: str, *options: str, name: str = "hand", texts: Mapping[str, str] | None = None) -> bytes:
    """Compile a module and put it into a package.

    Args:
        source: in the module language.
        options: of checkmodule, such as ``-M`` or ``-c 19``; a base module lacks ``-m``.
        name: of the module; for a base module any.
        texts: what else goes into the package, by the names of ``selbox.binary.package.Package``.
    """
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "source").write_text(source)
        _run(directory, "checkmodule", *options, "-o", f"{name}.mod", "source")
        arguments = []
        for each, text in (texts or {}).items():
            (Path(directory) / each).write_bytes(text.encode(errors="surrogateescape"))
            arguments += [_FLAGS[each], each]
        _run(directory, "semodule_package", "-o", "package", "-m", f"{name}.mod", *arguments)
        return (Path(directory) / "package").read_bytes()


def _run(directory: str, *arguments: str) -> None:
    done = subprocess.run(arguments, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def translated(content: bytes) -> tuple[str, int]:
    """Return the CIL that pp makes of a package, and its exit status."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "package"
        path.write_bytes(content)
        done = subprocess.run([PP, path], capture_output=True, check=False)
        return done.stdout.decode(errors="surrogateescape"), done.returncode
