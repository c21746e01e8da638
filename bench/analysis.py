"""Measures the toolbox, whole processes, beside SETools, on Debian's real policy."""

import os
import shlex
import shutil
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Sequence

from _figures import Row, show
from _processes import OURS, PEER, ROOT, FailedError, Task, measure, run, selbox

sys.path.append(os.path.join(ROOT, "tools"))
import debianpolicy

FIRST = "selbox, first time"
"""The way of a search that finds nothing kept of the policy, and keeps nothing."""

_TRANSITIONS = os.path.join(ROOT, "bench", "_transitions.py")
_CHECKS = """
[nobody writes programs]
check_type = ro_execs

[shadow]
check_type = assert_te
target = shadow_t
tclass = file
perms = write append
"""


def prepare(directory: str) -> None:
    """Make the policies that are measured: ``policy``, ``mls``, and ``transitions`` with 255,000 transitions by name.

    Raises:
        PolicyUnavailableError: when Debian's policy cannot be had.
        FailedError: when secilc refuses it.
    """
    for path, name in (("policy", "default"), ("mls", "mls")):
        run([["secilc", "-c", "33", "-o", path, "-f", "contexts", *debianpolicy.cil_files(name)]], directory)
    run([[sys.executable, _TRANSITIONS, "policy", "transitions"]], directory)


def search(name: str, directory: str, *words: str) -> Task:
    """Return a search as SETools does it, as selbox does, and as selbox does the first time."""
    anew = ["env", "XDG_CACHE_HOME=/dev/null", *selbox(*words)]
    return Task(name, {PEER: [words], OURS: [selbox(*words)], FIRST: [anew]}, directory)


def differing(*words: str) -> list[str]:
    """Return a comparison that finds differences: as a command whose status is 0 then, which that of selbox is not."""
    return ["sh", "-c", f"{shlex.join(selbox(*words))}; test $? = 1"]


def tasks(directory: str) -> list[Task]:
    """Return what is measured."""
    with open(os.path.join(directory, "checks.ini"), "w", encoding="utf-8") as stream:
        stream.write(_CHECKS)
    narrow = ("sesearch", "-A", "-s", "httpd_t", "-p", "write", "-c", "file", "policy")
    pair = ("policy", "mls")
    effective = selbox("sesearch", "--effective", "-t", "shadow_t", "-c", "file", "-p", "write", "policy")
    return [
        search("sesearch, narrow", directory, *narrow),
        search("sesearch -A, all rules", directory, "sesearch", "-A", "policy"),
        search("sesearch -T, 255,000 transitions by name", directory, "sesearch", "-T", "transitions"),
        search("sedta -s httpd_t", directory, "sedta", "-p", "policy", "-s", "httpd_t"),
        search(
            "seinfoflow, shortest", directory, *["seinfoflow", "-p", "policy", "-s", "httpd_t", "-t", "shadow_t", "-S"]
        ),
        Task("sediff, default and mls", {PEER: [("sediff", *pair)], OURS: [differing("sediff", *pair)]}, directory),
        Task("what can be done under one alone", {OURS: [differing("sediff", "--access", *pair)]}, directory),
        search("seinfo", directory, "seinfo", "policy"),
        search("seinfo -t -x", directory, "seinfo", "policy", "-t", "-x"),
        Task("who can write shadow_t, really", {OURS: [effective]}, directory),
    ]


def main(words: Sequence[str]) -> int:
    """Measure and show."""
    parser = ArgumentParser(prog="bench/analysis.py", description="Measure searches, beside SETools.")
    parser.add_argument("--rounds", type=int, default=5, help="samples of each row (5)")
    parser.add_argument("--only", default="", help="rows whose names have this text")
    parser.add_argument("--json", action="store_true", help="write JSON")
    arguments = parser.parse_args(words)
    lacking = [
        name for name in ("secilc", "sesearch", "seinfo", "sediff", "sedta", "seinfoflow") if shutil.which(name) is None
    ]
    if lacking:
        print(f"analysis: not installed: {', '.join(lacking)}", file=sys.stderr)
        return 1
    try:
        with tempfile.TemporaryDirectory() as directory:
            os.environ["XDG_CACHE_HOME"] = os.path.join(directory, "cache")
            prepare(directory)
            chosen = [each for each in tasks(directory) if arguments.only in each.name]
            rows: list[Row] = [row for task in chosen for row in measure(task, arguments.rounds)]
    except (debianpolicy.PolicyUnavailableError, FailedError) as error:
        print(f"analysis: {error}", file=sys.stderr)
        return 1
    notes = ["The peer: SETools. selbox keeps what it has read of a policy; without that, each search is a first one."]
    title = "The toolbox, whole processes, user and system time: median (smallest to largest)"
    show(title, rows, notes, as_json=arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
