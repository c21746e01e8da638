"""Real services of Debian's packages in boxes, under Debian's policy, started as init starts them."""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from selbox.audit.avcrecord import AvcRecord, parse_record
from tests.enforce.boxes import environment, lacking
from tests.patience import PATIENCE

_HERE = Path(__file__).parent
_NAMESPACES = ("unshare", "--mount", "--net", "--ipc")
_EXECUTABLE = "system_u:object_r:{}:s0"


class Service(NamedTuple):
    """What came of a box with services.

    Attributes:
        lines: what was printed.
        errors: standard error, with the summary.
        records: what was recorded.
    """

    lines: list[str]
    errors: str
    records: list[AvcRecord]

    @property
    def denials(self) -> list[str]:
        """What was denied: who, what, on what."""
        return [
            f"{each.scontext.split(':')[2]} {each.tcontext.split(':')[2]}:{each.tclass} {' '.join(each.permissions)}"
            for each in self.records
            if not each.granted
        ]


@cache
def hindrance(*programs: str) -> str:
    """Return why services cannot be run here; empty when they can."""
    if lacking():
        return lacking()
    if os.geteuid() != 0:
        return "only root starts services as init does"
    missing = [each for each in programs if shutil.which(each, path=environment()["PATH"]) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    trial = [*_NAMESPACES, "/usr/bin/python3", str(_HERE / "place.py"), "true"]
    done = subprocess.run(trial, capture_output=True, text=True, check=False)
    return f"no place of their own for services: {done.stderr.strip().splitlines()[-1:]}" if done.returncode else ""


def needs(*programs: str) -> list[pytest.MarkDecorator]:
    """Return the marks of tests that run such services."""
    return [
        pytest.mark.enforcement,
        pytest.mark.skipif(bool(hindrance(*programs)), reason=hindrance(*programs) or "nothing is missing"),
    ]


class Host:
    """Runs shell scripts as init would, in the domain that follows from it.

    A script finds ``$CLIENT``, a program in no domain of its own, and for each wrong client a program by its name.

    Args:
        policy: Debian's, with its file contexts beside it.
        directory: for files of this test.
        clients: wrong clients: by name, the type that the program is labelled with, and behind a space the program that
            is copied where it is not ``client.py``.
    """

    def __init__(self, policy: Path, directory: Path, **clients: str) -> None:
        self._directory = directory
        self._options = [
            *("--policy", str(policy), "--file-contexts", f"{policy}.file_contexts"),
            f"--label={directory}={_EXECUTABLE.format('usr_t')}",
        ]
        self._environment = environment()
        for name, words in {"client": "bin_t", **clients}.items():
            type_name, _, source = words.partition(" ")
            program = directory / name
            shutil.copy(source or _HERE / "client.py", program)
            program.chmod(0o755)
            self._environment[name.upper()] = str(program)
            self._options.append(f"--label={program}={_EXECUTABLE.format(type_name)}")

    def run(self, script: str, *options: str, before: str = "") -> Service:
        """Run a script in a box, beneath init.

        Args:
            script: of the shell.
            options: further ones of ``selbox run``.
            before: a script that is run outside the box, in the same place.
        """
        audit = self._directory / "audit.log"
        audit.unlink(missing_ok=True)
        place = [
            *_NAMESPACES,
            "/usr/bin/python3",
            str(_HERE / "place.py"),
            "/bin/sh",
            "-ec",
            f'{before}\nexec "$@"',
            "sh",
        ]
        box = [sys.executable, "-m", "selbox", "run", *self._options, "--audit", str(audit), *options]
        start = () if {"--from", "--context"} & set(options) else ("--as-init",)
        done = subprocess.run(
            [*place, *box, *start, "--", "/bin/sh", "-c", script],
            cwd="/",
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        lines = audit.read_text().splitlines() if audit.exists() else []
        records = [parse_record(each) for each in lines if each.startswith("type=AVC")]
        return Service(done.stdout.splitlines(), done.stderr, records)


SHELL = """
answers() {  # PORT|PATH TEXT ANSWER: wait until a server answers
    for i in $(seq 600); do [ "$($CLIENT "$1" "$2")" = "$3" ] && return; sleep 0.1; done; echo "no answer from $1"
}
domain() { echo "$(tr -d '\\0' < /proc/$1/attr/current)"; }
"""
"""Functions for scripts."""
