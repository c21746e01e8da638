"""Measures Debian's policy compiled beside ``secilc``: all of its modules, and again after a change."""

import bz2
import os
import shutil
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence

from _figures import show
from _processes import OURS, PEER, ROOT, FailedError, Task, measure, run, selbox

sys.path.append(os.path.join(ROOT, "tools"))
import debianpolicy

_CHANGED = "apache.cil"
_CHANGES = {
    "a rule": "(allow httpd_t etc_t (file (read getattr open ioctl)))",
    "a type, with its attribute and a rule": (
        "(type selbox_t)(roletype object_r selbox_t)(typeattributeset domain (selbox_t))"
        "(allow selbox_t etc_t (file (read)))"
    ),
    "a type transition": "(typetransition httpd_t etc_t file httpd_config_t)",
    "a file context": '(filecon "/srv/selbox(/.*)?" any (system_u object_r httpd_config_t ((s0) (s0))))',
    "a conditional": "(booleanif httpd_can_network_connect (true (allow httpd_t etc_t (file (write)))))",
    "a boolean and its conditional": (
        "(boolean selbox_one false)(booleanif selbox_one (true (allow httpd_t etc_t (file (write)))))"
    ),
    "a role that another may become": "(role selbox_r)(roleallow staff_r selbox_r)",
    "an extended rule": "(allowx httpd_t etc_t (ioctl file (0x5401)))",
    "a tunable and what depends on it": (
        "(tunable selbox_one true)(tunableif selbox_one (true (allow httpd_t etc_t (file (write)))))"
    ),
    "an optional block": "(optional selbox_optional (allow httpd_t etc_t (dir (search))))",
}
"""What comes to a module of Debian's, in whose own words it is written."""

_NOTHING_KEPT = ("env", "HOME=", "XDG_CACHE_HOME=")
_OPTIONS = ("-M", "true", "-c", "33", "-f", "contexts", "-o", "policy")


def tasks(files: Sequence[str], directory: str) -> Iterator[Task]:
    """Make what is measured in a directory; each change is taken back when the next task is asked for.

    Args:
        files: of the policy, in CIL; one is changed in a copy.
        directory: takes the copies, what is compiled, and what selbox keeps.

    Raises:
        FailedError: when selbox refuses the policy.
    """
    copies = [os.path.join(directory, f"{index:03}-{os.path.basename(path)}") for index, path in enumerate(files)]
    for path, copy in zip(files, copies, strict=True):
        shutil.copy(path, copy)
    kept = ("env", f"XDG_CACHE_HOME={os.path.join(directory, 'cache')}")
    again = [*kept, *selbox("secilc", *_OPTIONS, *copies)]
    peer = ["secilc", *_OPTIONS, *copies]
    whole = [*_NOTHING_KEPT, *selbox("secilc", *_OPTIONS, *copies)]
    run([again], directory)
    yield Task(f"{len(files)} modules compiled", {PEER: [peer], OURS: [whole]}, directory)
    fresh = os.path.join(directory, "fresh")
    first = [["rm", "-rf", fresh], ["env", f"XDG_CACHE_HOME={fresh}", *selbox("secilc", *_OPTIONS, *copies)]]
    yield Task("the same, and kept for the next time", {PEER: [peer], OURS: first}, directory)
    changed = next((copy for copy in copies if copy.endswith(f"-{_CHANGED}")), None)
    if changed is None:
        return
    for number, (name, text) in enumerate(_CHANGES.items()):
        with open(changed, "a", encoding="utf-8") as stream:
            end = stream.tell()
            stream.write(f"\n{text}\n")
        # Whatever has changed, the peer compiles the whole.
        ways: dict[str, Sequence[Sequence[str]]] = {OURS: [again]} if number else {PEER: [peer], OURS: [again]}
        yield Task(f"again after {name} has come to one of them", ways, directory)
        os.truncate(changed, end)
    own = os.path.join(directory, "999-own.cil")
    with open(own, "w", encoding="utf-8") as stream:
        stream.write(_CHANGES["a type, with its attribute and a rule"])
    more = [*kept, *selbox("secilc", *_OPTIONS, *copies, own)]
    yield Task("again with one module more", {OURS: [more]}, directory)


def package_tasks(paths: Sequence[str], directory: str) -> Iterator[Task]:
    """Make what is measured with module packages.

    Args:
        paths: the packages; one is unpacked in a copy, which is another file then.
        directory: takes the copies, what is compiled, and what selbox keeps.

    Raises:
        FailedError: when selbox refuses the policy.
    """
    copies = [shutil.copy(path, directory) for path in paths]
    words = selbox("compile", *copies, "-o", "policy", "--file-contexts", "contexts")
    again = ["env", f"XDG_CACHE_HOME={os.path.join(directory, 'cache')}", *words]
    run([again], directory)
    changed = next((copy for copy in copies if copy.endswith(".bz2")), None)
    if changed is not None:
        with open(changed, "rb") as stream:
            content = bz2.decompress(stream.read())
        with open(changed, "wb") as stream:
            stream.write(content)
    yield Task(f"{len(paths)} packages, again after one has changed", {OURS: [again]}, directory)


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
        if not arguments.files:
            packages = debianpolicy.packages("default")
            with tempfile.TemporaryDirectory() as directory:
                found = package_tasks(packages, directory)
                rows += [row for task in found for row in measure(task, arguments.rounds)]
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
