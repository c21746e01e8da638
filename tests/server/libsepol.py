"""libsepol's own security server, reached through ctypes: a judge of decisions on policies that secilc compiled.

Its create answers are no judge: it knows nothing of socket classes, and prints some category sets wrongly. Version 3.4
follows a null pointer where a bounding type is denied something; it does not evaluate extended permissions; and what
it knows of contexts for users, ports and file systems it keeps to itself. All that is asked of a kernel: see
docs/real-kernel.md.
"""

import ctypes
import ctypes.util
import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

LIBRARY = ctypes.util.find_library("sepol")
needs_libsepol = pytest.mark.skipif(
    LIBRARY is None or shutil.which("secilc") is None, reason="needs Debian's secilc and libsepol2"
)


class _Decision(ctypes.Structure):
    _fields_ = (
        ("allowed", ctypes.c_uint32),
        ("decided", ctypes.c_uint32),
        ("auditallow", ctypes.c_uint32),
        ("auditdeny", ctypes.c_uint32),
        ("seqno", ctypes.c_uint32),
    )


@functools.cache
def _libsepol() -> ctypes.CDLL:
    assert LIBRARY is not None
    library = ctypes.CDLL(LIBRARY)
    library.sepol_debug(0)
    return library


def _load(path: Path) -> None:
    libc = ctypes.CDLL(None)
    libc.fdopen.restype = ctypes.c_void_p
    stream = libc.fdopen(os.open(path, os.O_RDONLY), b"r")
    status = _libsepol().sepol_set_policydb_from_file(ctypes.c_void_p(stream))
    libc.fclose(ctypes.c_void_p(stream))
    assert status == 0


class LibsepolServer:
    """Decides by a policy; only one can be in use at a time, for libsepol keeps its policy in the process.

    Args:
        cil: the policy's source.
        directory: where the compiled policy goes.
    """

    def __init__(self, cil: str, directory: Path) -> None:
        source, binary = directory / "policy.cil", directory / "policy.33"
        source.write_text(cil)
        command = ["secilc", "-N", "-c", "33", "-o", str(binary), "-f", "/dev/null", str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{cil}"
        _load(binary)

    def sid(self, context: str) -> int | None:
        """Return a context's SID, or None when it is not valid."""
        sid = ctypes.c_uint32()
        text = context.encode()
        status = _libsepol().sepol_context_to_sid(text, ctypes.c_size_t(len(text) + 1), ctypes.byref(sid))
        return None if status else sid.value

    def class_number(self, name: str) -> int:
        number = ctypes.c_uint16()
        assert _libsepol().sepol_string_to_security_class(name.encode(), ctypes.byref(number)) == 0
        return number.value

    def access(self, source: int, target: int, object_class: str) -> tuple[int, int, int]:
        """Return allowed, auditallow and auditdeny."""
        decision = _Decision()
        number = ctypes.c_uint16(self.class_number(object_class))
        status = _libsepol().sepol_compute_av(source, target, number, ctypes.c_uint32(0), ctypes.byref(decision))
        assert status == 0
        return decision.allowed, decision.auditallow, decision.auditdeny

    def denial_reasons(self, source: int, target: int, object_class: str, vector: int) -> int:
        """Return what parts of policy deny some of a vector: bits 1 for rules, 2 constraints, 4 roles, 8 bounds.

        Source: ``SEPOL_COMPUTEAV_*`` of libsepol's ``sepol/policydb/services.h``.
        """
        decision, reason = _Decision(), ctypes.c_uint()
        number = ctypes.c_uint16(self.class_number(object_class))
        answers = ctypes.byref(decision), ctypes.byref(reason)
        status = _libsepol().sepol_compute_av_reason(source, target, number, ctypes.c_uint32(vector), *answers)
        assert status == 0
        return reason.value

    def context(self, sid: int) -> str:
        """Return a SID's context as text."""
        text, length = ctypes.c_char_p(), ctypes.c_size_t()
        assert _libsepol().sepol_sid_to_context(sid, ctypes.byref(text), ctypes.byref(length)) == 0
        assert text.value is not None
        return text.value.decode()

    def relabel(self, source: int, target: int, object_class: str) -> str | None:
        """Return the context that an object is relabelled to, or None when it is not valid."""
        return self._compute("sepol_change_sid", source, target, object_class)

    def member(self, source: int, target: int, object_class: str) -> str | None:
        """Return the context of a polyinstantiated member, or None when it is not valid."""
        return self._compute("sepol_member_sid", source, target, object_class)

    def _compute(self, function: str, source: int, target: int, object_class: str) -> str | None:
        sid = ctypes.c_uint32()
        number = ctypes.c_uint16(self.class_number(object_class))
        status = _libsepol()[function](source, target, number, ctypes.byref(sid))
        return None if status else self.context(sid.value)

    def validate_transition(self, old: int, new: int, task: int, object_class: str) -> bool:
        buffer = ctypes.c_char_p()
        number = ctypes.c_uint16(self.class_number(object_class))
        flags = ctypes.c_uint(0)
        function = _libsepol().sepol_validate_transition_reason_buffer
        return bool(function(old, new, task, number, ctypes.byref(buffer), flags) == 0)
