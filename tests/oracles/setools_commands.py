"""Runs programs of SETools on request, in one process; run by the Python that has Debian's setools.

Each line of the input is a JSON list: a program and its arguments. The answer to it is a JSON list in one line: the
exit status and what it wrote to standard output. A policy is read once, and its rules are made objects once, however
often it is named: a program spends nearly all its time on that.
"""

import contextlib
import io
import json
import shutil
import sys
from collections.abc import Iterator
from functools import cache
from types import CodeType
from typing import Any

# Parts of setools take hold of standard output when they are imported.
ANSWERS, OUTPUT = sys.stdout, io.StringIO()
sys.stdout = OUTPUT

import setools  # type: ignore[import-not-found]  # noqa: E402 - belongs to the distribution's Python, not to the environment


class KnownPolicy(setools.SELinuxPolicy):  # type: ignore[misc]  # likewise
    """A policy whose rules are kept once they have been asked for."""

    known: list[Any]

    def terules(self) -> Iterator[Any]:
        """Yield the rules about access and types."""
        if not hasattr(self, "known"):
            self.known = list(super().terules())
        return iter(self.known)


@cache
def policy(path: str) -> KnownPolicy:
    """Return a policy."""
    return KnownPolicy(path)


@cache
def program(name: str) -> CodeType:
    """Return a program."""
    path = shutil.which(name)
    assert path is not None
    with open(path) as stream:
        return compile(stream.read(), path, "exec")


def answer(words: list[str]) -> tuple[int, str]:
    """Run a program."""
    status: Any = 0
    sys.argv = words
    OUTPUT.seek(0)
    OUTPUT.truncate()
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            exec(program(words[0]), {"__name__": "__main__"})  # noqa: S102 - it is what Debian has installed
        except SystemExit as end:
            status = end.code or 0
    return status, OUTPUT.getvalue()


def main() -> None:
    """Answer every line."""
    setools.SELinuxPolicy = policy
    for line in sys.stdin:
        ANSWERS.write(json.dumps(answer(json.loads(line))) + "\n")
        ANSWERS.flush()


main()
