"""Measures policy files read and translated, beside the SELinux project's programs, on Debian's real policy."""

import bz2
import os
import shutil
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Sequence
from time import process_time

import _libsepol
from _figures import Figures, Row, show
from _processes import OURS, PEER, ROOT, FailedError, Task, measure, run, selbox

from selbox.binary.kernel import read_policy

sys.path.append(os.path.join(ROOT, "tools"))
import debianpolicy

_TRANSLATOR = os.path.join(ROOT, "bench", "_translate.py")
_DECIDER = os.path.join(ROOT, "bench", "_decide.py")
_QUESTION = "system_u:system_r:sshd_t:s0\tsystem_u:object_r:shadow_t:s0\tfile\n"


def tasks(directory: str) -> list[Task]:
    """Make what is measured in a directory: the kernel policy ``policy``, the packages of its modules unpacked.

    Raises:
        PolicyUnavailableError: when Debian's policy cannot be had.
        FailedError: when secilc refuses it.
    """
    run([["secilc", "-c", "33", "-o", "policy", "-f", "contexts", *debianpolicy.cil_files("default")]], directory)
    packages = []
    for path in debianpolicy.packages("default"):
        packages.append(f"{debianpolicy.module_name(path)}.pp")
        with bz2.open(path) as stream, open(os.path.join(directory, packages[-1]), "wb") as package:
            package.write(stream.read())
    read = ["checkpolicy", "-b", "-M"]
    again = [*read, "-o", "policy.again", "policy"]
    to_cil = [*read, "-C", "-o", "policy.cil", "policy"]
    to_language = [*read, "-F", "-o", "policy.conf", "policy"]
    translate = [[debianpolicy.PP, package, f"{package}.cil"] for package in packages]
    all_at_once = [sys.executable, _TRANSLATOR, *packages]
    return [
        Task("kernel policy, read", {PEER: [[*read, "policy"]], OURS: [selbox(*read, "policy")]}, directory),
        Task("kernel policy, read and written", {PEER: [again], OURS: [selbox(*again)]}, directory),
        Task("kernel policy to CIL", {PEER: [to_cil], OURS: [selbox(*to_cil)]}, directory),
        Task("kernel policy to policy language", {PEER: [to_language], OURS: [selbox(*to_language)]}, directory),
        Task(f"{len(packages)} module packages to CIL", {PEER: translate, OURS: [all_at_once]}, directory),
    ]


def first_decision(directory: str, notes: list[str]) -> Task:
    """Make what is measured from the kernel policy ``policy`` in a directory to one decision by it.

    Args:
        directory: where the policy is.
        notes: takes why the peer, a C program on libsepol, is left out.
    """
    with open(os.path.join(directory, "question"), "w", encoding="utf-8") as stream:
        stream.write(_QUESTION)
    ways: dict[str, Sequence[Sequence[str]]] = {OURS: [[sys.executable, _DECIDER, "policy", "question"]]}
    try:
        program = _libsepol.build(directory)
    except _libsepol.NoLibsepolError as error:
        notes.append(f"No peer for the first decision: {error}.")
    else:
        ways = {PEER: [[program, "policy", "question", "1", "1"]], **ways}
    return Task("kernel policy to the first decision", ways, directory)


def reading(directory: str, rounds: int) -> Row:
    """Measure how long it takes to read the kernel policy ``policy`` in a process that has started already.

    The peer is ``checkpolicy -b`` as a whole process, which takes a millisecond to start, in turn with it.
    """
    with open(os.path.join(directory, "policy"), "rb") as stream:
        content = stream.read()
    ours, theirs = [], []
    for _ in range(rounds + 1):
        begin = process_time()
        read_policy(content, "policy")
        ours.append(process_time() - begin)
        theirs.append(run([["checkpolicy", "-b", "-M", "policy"]], directory).seconds)
    figures = {PEER: Figures(tuple(theirs[1:])), OURS: Figures(tuple(ours[1:]))}
    return Row("kernel policy, read in a running process (peer: a whole process)", "s", figures)


def main(words: Sequence[str]) -> int:
    """Measure and show."""
    parser = ArgumentParser(prog="bench/policyfiles.py", description="Measure policy files read and translated.")
    parser.add_argument("--rounds", type=int, default=5, help="samples of each row (5)")
    parser.add_argument("--json", action="store_true", help="write JSON")
    arguments = parser.parse_args(words)
    lacking = [name for name in ("secilc", "checkpolicy", debianpolicy.PP) if shutil.which(name) is None]
    if lacking:
        print(f"policyfiles: not installed: {', '.join(lacking)}", file=sys.stderr)
        return 1
    notes = ["The peers: checkpolicy, pp run once a package, and for the first decision a C program on libsepol."]
    try:
        with tempfile.TemporaryDirectory() as directory:
            every = [*tasks(directory), first_decision(directory, notes)]
            rows = [row for task in every for row in measure(task, arguments.rounds)]
            rows.append(reading(directory, arguments.rounds))
    except (debianpolicy.PolicyUnavailableError, FailedError) as error:
        print(f"policyfiles: {error}", file=sys.stderr)
        return 1
    title = "Debian's policy, whole processes, user and system time: median (smallest to largest)"
    show(title, rows, notes, as_json=arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
