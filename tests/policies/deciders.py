"""Two answers to the same question: selbox's own compiler and server, and the SELinux project's secilc and libsepol."""

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

import pytest

from selbox.compiler.compile import compile_policy
from selbox.diagnostics import SourceFile
from selbox.language.cil import parse
from selbox.server.securityserver import SecurityServer
from selbox.store.policyfiles import base_sources

ROOT = Path(__file__).parent.parent.parent
BASE = tuple(sorted((ROOT / "src/selbox/policies/base").glob("*.cil")))


class Decider(Protocol):
    """Says which of some permissions are granted."""

    def granted(self, source: str, target: str, object_class: str, permissions: Sequence[str]) -> set[str]: ...


class Selbox:
    """The compiler and the security server."""

    def __init__(self, text: str) -> None:
        self.server = server_of(text)

    def granted(self, source: str, target: str, object_class: str, permissions: Sequence[str]) -> set[str]:
        server = self.server
        number, _, missing = server.vector(object_class, permissions)
        assert not missing
        decision = server.compute_access(server.context_to_sid(source), server.context_to_sid(target), number)
        return set(server.permission_names(number, decision.allowed)) & set(permissions)


@cache
def server_of(text: str) -> SecurityServer:
    trees = [parse(each) for each in (*base_sources(), SourceFile("user.cil", text))]
    return SecurityServer(compile_policy(trees))


class _Decision(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint32) for name in ("allowed", "decided", "auditallow", "auditdeny", "seqno"))


class Sepol:
    """secilc makes the kernel's policy and libsepol decides by it."""

    _loaded: "Sepol | None" = None

    def __init__(self, text: str, directory: Path) -> None:
        self._policy = directory / "policy.33"
        self._library = ctypes.CDLL("libsepol.so.2")
        failure = run_secilc(text, directory, self._policy)
        assert failure == "", failure

    def granted(self, source: str, target: str, object_class: str, permissions: Sequence[str]) -> set[str]:
        self._load()
        library, class_id = self._library, ctypes.c_uint16()
        assert library.sepol_string_to_security_class(object_class.encode(), ctypes.byref(class_id)) == 0
        bits: dict[str, int] = {}
        for each in permissions:
            vector = ctypes.c_uint32()
            assert library.sepol_string_to_av_perm(class_id, each.encode(), ctypes.byref(vector)) == 0, each
            bits[each] = vector.value
        decision = _Decision()
        arguments = (self._sid(source), self._sid(target), class_id, ctypes.c_uint32(sum(bits.values())))
        assert library.sepol_compute_av(*arguments, ctypes.byref(decision)) == 0
        return {name for name, bit in bits.items() if decision.allowed & bit}

    def _sid(self, context: str) -> ctypes.c_uint32:
        sid = ctypes.c_uint32()
        text = context.encode()
        assert self._library.sepol_context_to_sid(text, ctypes.c_size_t(len(text)), ctypes.byref(sid)) == 0, context
        return sid

    def _load(self) -> None:
        """Make this the one policy that the library holds."""
        if Sepol._loaded is self:
            return
        libc = ctypes.CDLL(None)
        libc.fopen.restype = ctypes.c_void_p
        stream = ctypes.c_void_p(libc.fopen(str(self._policy).encode(), b"r"))
        assert self._library.sepol_set_policydb_from_file(stream) == 0
        libc.fclose(stream)
        Sepol._loaded = self


def _has_oracle() -> bool:
    if shutil.which("secilc") is None:
        return False
    try:
        ctypes.CDLL("libsepol.so.2").sepol_compute_av  # noqa: B018 - older releases do not export it
    except (OSError, AttributeError):
        return False
    return True


def run_secilc(text: str, directory: Path, output: Path | None = None) -> str:
    """Compile a policy with the base policy; return what secilc complains about."""
    user = directory / "user.cil"
    user.write_text(text)
    command = ["secilc", "-c", "33", "-o", str(output or "/dev/null"), "-f", "/dev/null", *map(str, BASE), str(user)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if run.returncode == 0 else run.stderr or "secilc failed"


ORACLE = pytest.mark.skipif(not _has_oracle(), reason="secilc and libsepol (3.4 or later) are not installed")
