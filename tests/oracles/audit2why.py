"""audit2why's engine, in a process of the system's own Python: a judge of what denies an access."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

PYTHON = "/usr/bin/python3"
"""The interpreter for which Debian's python3-selinux is."""

_PROGRAM = """
import sys
from selinux import audit2why
names = {getattr(audit2why, name): name for name in dir(audit2why) if name.isupper()}
audit2why.init(sys.argv[1])
for line in sys.stdin:
    source, target, object_class, permissions = line.rstrip("\\n").split("\\t")
    kind, data = audit2why.analyze(source, target, object_class, permissions.split())
    print(names[kind], *sorted(name for name, _ in data) if names[kind] == "BOOLEAN" else ())
"""


class Finding(NamedTuple):
    """What audit2why says.

    Attributes:
        kind: ``ALLOW``, ``DONTAUDIT``, ``TERULE``, ``BOOLEAN``, ``CONSTRAINT``, ``RBAC`` or ``BOUNDS``.
        booleans: names of those each of which alone would allow the access, if it were set otherwise.
    """

    kind: str
    booleans: tuple[str, ...]


def is_available() -> bool:
    """Tell whether the machine has it."""
    try:
        done = subprocess.run([PYTHON, "-c", "import selinux.audit2why"], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


needs_audit2why = pytest.mark.skipif(not is_available(), reason="needs Debian's python3-selinux")


def findings(policy: Path, questions: Sequence[tuple[str, str, str, tuple[str, ...]]]) -> list[Finding]:
    """Return what it says of accesses under a kernel policy.

    Args:
        policy: path of the policy.
        questions: contexts of source and target, class, and permissions.
    """
    lines = ["\t".join((*question[:3], " ".join(question[3]))) for question in questions]
    given = "".join(f"{line}\n" for line in lines)
    done = subprocess.run([PYTHON, "-c", _PROGRAM, policy], input=given, capture_output=True, text=True, check=True)
    found = [Finding(words[0], tuple(words[1:])) for words in map(str.split, done.stdout.splitlines())]
    assert len(found) == len(questions)
    return found
