"""Measures Debian's policy compiled beside ``secilc``: all of its modules, and again after one of them has changed."""

import os
import shutil
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Sequence

from _figures import show
from _processes import OURS, PEER, ROOT, FailedError, Task, measure, run, selbox

sys.path.append(os.path.join(ROOT, "tools"))
import debianpolicy

_CHANGED = "base.cil"
_RULE = "\n(allow init_t etc_t (file (read getattr open)))\n"
_NOTHING_KEPT = ("env", "HOME=", "XDG_CACHE_HOME=")


def tasks(files: Sequence[str], directory: str) -> list[Task]:
    """Make what is measured in a directory.

    Args:
        files: of the policy, in CIL; one is changed in a copy.
        directory: takes the copies, what is compiled, and what selbox keeps.

    Raises:
        FailedError: when selbox refuses the policy.
    """
    copies = [os.path.join(directory, f"{index:03}-{os.path.basename(path)}") for index, path in enumerate(files)]
    for path, copy in zip(files, copies, strict=True):
        shutil.copy(path, copy)
    options = ["-M", "true", "-c", "33", "-f", "contexts", "-o", "policy"]
    kept = ["env", f"XDG_CACHE_HOME={os.path.join(directory, 'cache')}", *selbox("secilc", *options, *copies)]
    run([kept], directory)
    changed = next((copy for copy in copies if copy.endswith(f"-{_CHANGED}")), copies[0])
    with open(changed, "a", encoding="utf-8") as stream:
        stream.write(_RULE)
    peer = ["secilc", *options, *copies]
    command = selbox("secilc", *options, *copies)
    fresh = os.path.join(directory, "fresh")
    first = [["rm", "-rf", fresh], ["env", f"XDG_CACHE_HOME={fresh}", *command]]
    return [
        Task(f"{len(files)} modules compiled", {PEER: [peer], OURS: [[*_NOTHING_KEPT, *command]]}, directory),
        Task("the same, and kept for the next time", {PEER: [peer], OURS: first}, directory),
        Task("again after a rule has come to one of them", {PEER: [peer], OURS: [kept]}, directory),
    ]


def main(words: Sequence[str]) -> int:
    """Measure and show."""
    parser = ArgumentParser(prog="bench/compile.py", description="Measure Debian's policy compiled.")
    parser.add_argument("--rounds", type=int, default=5, help="samples of each row (5)")
    parser.add_argument("--json", action="store_true", help="write JSON")
    parser.add_argument("files", nargs="*", help="a policy in CIL (Debian's, of the package selinux-policy-default)")
    arguments = parser.parse_args(words)
    if shutil.which("secilc") is None:
        print("compile: not installed: secilc", file=sys.stderr)
        return 1
    try:
        files = arguments.files or debianpolicy.cil_files("default")
        with tempfile.TemporaryDirectory() as directory:
            paths = [os.path.abspath(path) for path in files]
            rows = [row for task in tasks(paths, directory) for row in measure(task, arguments.rounds)]
    except (debianpolicy.PolicyUnavailableError, FailedError) as error:
        print(f"compile: {error}", file=sys.stderr)
        return 1
    title = "A policy compiled, whole processes, user and system time: median (smallest to largest)"
    show(
        title,
        rows,
        ("The peer: secilc. Assertions are checked, the binary and file contexts written.",),
        as_json=arguments.json,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
