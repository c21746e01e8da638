"""Loads policies that selbox compiled into a real Linux kernel, and asks it what another kernel was asked.

The kernel runs in a virtual machine, which ``build.sh`` beside the recorded answers (:mod:`kernelanswers`) makes:
as root, from Debian's packages, in about five minutes and 6 GB. That is done when there is no machine yet. The machine
needs no hardware support; it boots in half a minute, and answers some thousand questions a second.

What is loaded is Debian's ``selinux-policy-default``, compiled by selbox from its modules, as a binary policy of each
version. The kernel must say no more about it than about Debian's own build of that policy, answer every recorded
question as recorded, and, where it is the newest version that this kernel knows, give back the same bytes.
"""

import os
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import debianpolicy
import kernelanswers

_JOB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kerneljob.sh")
_VARIABLE = "SELBOX_KERNEL_MACHINE"
_VERSIONS = (33, 32, 31, 30, 29, 28, 27, 26, 25, 24)
"""Versions of the binary policy that the machine's kernel, Linux 6.1, takes and selbox writes; the newest first."""
_NAMES = 25
"""The first version that has transitions by the name of the new object."""
_COLUMNS_WITH_NAME = 5
_SECONDS_A_POLICY = 400
_SHOWN = 5


class KernelError(Exception):
    """The kernel cannot be asked; says why."""


class Comparison(NamedTuple):
    """What the kernel answered under one policy, compared with what is recorded.

    Attributes:
        answers: how many questions it was asked.
        differences: what it answered otherwise, or lacks.
    """

    answers: int
    differences: list[str]


def machine(directory: str) -> str:
    """Return the program that runs a job in the machine; make the machine where there is none.

    Raises:
        KernelError: when there are no records, or the machine cannot be made.
    """
    records = kernelanswers.directory()
    if records is None:
        raise KernelError(f"no recorded answers beside the checkout; {kernelanswers.VARIABLE} names their directory")
    program = os.path.join(directory, "oracle.sh")
    if not os.path.exists(os.path.join(directory, "policy.bin")):  # the last thing that build.sh makes
        if os.geteuid() != 0:
            raise KernelError(f"there is no machine in {directory}, and only root can make one")
        say(f"making the machine in {directory}: five minutes and 6 GB")
        os.makedirs(directory, exist_ok=True)
        if subprocess.run(["bash", os.path.join(records, "build.sh"), directory], check=False).returncode:
            raise KernelError("build.sh failed; its messages are above")
    return program


def compiled(directory: str, versions: Sequence[int]) -> list[str]:
    """Compile Debian's policy and write it in several versions; return the files.

    Raises:
        PolicyUnavailableError: when Debian's policy cannot be had.
    """
    from selbox.binary.kernel import write_policy
    from selbox.compiler.compile import compile_policy
    from selbox.diagnostics import SourceFile
    from selbox.language.cil import parse

    trees = []
    for path in debianpolicy.enabled(debianpolicy.cil_files("default")):
        with open(path, encoding="utf-8") as stream:
            trees.append(parse(SourceFile(path, stream.read())))
    policy = compile_policy(trees)
    paths = []
    for version in versions:
        paths.append(os.path.join(directory, f"policy.{version}"))
        with open(paths[-1], "wb") as output:
            output.write(write_policy(policy, version))
    return paths


def write_questions(directory: str) -> list[str]:
    """Write what was asked in bulk as the machine takes it; return the files."""
    paths = []
    for name in kernelanswers.QUESTIONS:
        paths.append(os.path.join(directory, f"{name}.in"))
        with open(paths[-1], "w", encoding="utf-8") as stream:
            stream.writelines("\t".join(question) + "\n" for question, _ in kernelanswers.answers(name))
    return paths


def ask(program: str, inputs: Sequence[str], directory: str) -> str:
    """Run the job in the machine.

    Args:
        program: of the machine.
        inputs: policies and questions.
        directory: for what comes back.

    Returns:
        The directory of the answers: one of each policy's, by the policy's name.

    Raises:
        KernelError: when the machine fails.
    """
    policies = sum("policy" in os.path.basename(path) for path in inputs)
    environment = os.environ | {"INPUT": " ".join(inputs), "RUN": directory}
    seconds = str(120 + _SECONDS_A_POLICY * policies)
    if subprocess.run(["bash", program, _JOB, seconds], env=environment, check=False).returncode:
        raise KernelError("the job in the machine failed; its messages are above")
    return os.path.join(directory, "share", "out")


def compare(directory: str, original: str, version: int) -> Comparison:
    """Compare what came back for one policy with the records.

    Args:
        directory: with the answers.
        original: directory of what the kernel said about Debian's own build, and gave back of it.
        version: of the policy.
    """
    count = 0
    differences = []
    for name in (*kernelanswers.QUESTIONS, *kernelanswers.LISTS):
        recorded = [_comparable(name, row) for row in kernelanswers.table(name)]
        with open(os.path.join(directory, f"{name}.tsv"), encoding="utf-8") as stream:
            found = [_comparable(name, tuple(line.rstrip("\n").split("\t"))) for line in stream]
        if name in kernelanswers.LISTS:
            recorded.sort()
            found.sort()
        if len(found) != len(recorded):
            differences.append(f"{name}: {len(found)} answers instead of {len(recorded)}")
        pairs = [pair for pair in zip(recorded, found, strict=False) if _can_say(version, name, pair[0])]
        count += len(pairs)
        differences += [f"{name}: {theirs} became {ours}" for theirs, ours in pairs if theirs != ours]
    with open(os.path.join(original, "complaints"), encoding="utf-8") as stream:
        said = set(stream)
    with open(os.path.join(directory, "complaints"), encoding="utf-8") as stream:
        differences += [f"the kernel says: {line.strip()}" for line in stream if line not in said]
    if version == _VERSIONS[0] and _content(os.path.join(original, "back")) != _content(
        os.path.join(directory, "back")
    ):
        differences.append("the kernel gives back another policy than for Debian's own build")
    return Comparison(count, differences)


def _comparable(name: str, row: tuple[str, ...]) -> tuple[str, ...]:
    """Return a row without the sequence number of the policy, which grows with every policy that is loaded."""
    return (*row[:-2], row[-1]) if name == "access" else row


def _can_say(version: int, name: str, row: tuple[str, ...]) -> bool:
    """Tell whether a policy of a version can give the answer of a row: before 25 it knows no names of objects."""
    return version >= _NAMES or not name.startswith("create") or len(row) < _COLUMNS_WITH_NAME


def _content(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()


def say(message: str) -> None:
    """Tell what takes a while, on standard error."""
    print(f"kernel: {message}", file=sys.stderr, flush=True)


def run(policies: Sequence[str], versions: Sequence[int], place: str, directory: str) -> int:
    """Do all of it in an empty directory; return the exit status.

    Raises:
        KernelError: when the machine fails.
        PolicyUnavailableError: when Debian's policy cannot be had.
    """
    program = machine(place)
    if not policies:
        say(f"compiling Debian's policy: versions {', '.join(map(str, versions))}")
        policies = compiled(directory, versions)
    begin = monotonic()
    out = ask(program, [*policies, *write_questions(directory)], directory)
    status = 0
    for path in policies:
        name = os.path.basename(path)
        version = int.from_bytes(_content(path)[16:20], "little")
        result = compare(os.path.join(out, name), os.path.join(out, "original"), version)
        print(f"{name}: {result.answers} answers compared, {len(result.differences)} differences")
        for difference in result.differences[:_SHOWN]:
            print(f"  {difference}")
        status |= bool(result.differences)
    say(f"{monotonic() - begin:.0f} seconds in the machine")
    return status


def run_random(count: int, seed: int, place: str, directory: str) -> int:
    """Ask under random policies; return the exit status.

    Raises:
        KernelError: when there is no machine.
    """
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # random policies are the tests'
    import kernelrandom

    return kernelrandom.run(machine(place), count, seed, directory, say)


def run_scenarios(names: Sequence[str], place: str, directory: str) -> int:
    """Perform scenarios of the tests and record what came of them; return the exit status.

    Raises:
        KernelError: when the machine fails.
        PolicyUnavailableError: when Debian's policy cannot be had.
    """
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # the scenarios are the tests'
    import kernelscenarios

    try:
        return kernelscenarios.run(machine(place), names, Path(directory), say)
    except kernelscenarios.ScenariosError as error:
        raise KernelError(str(error)) from None


def main(words: Sequence[str]) -> int:
    """Run and return the exit status."""
    parser = ArgumentParser(prog="./dev kernel", description="Ask a real kernel under policies that selbox compiled.")
    default = os.environ.get(_VARIABLE) or os.path.join(debianpolicy.cache_directory(), "kernel-machine")
    parser.add_argument(
        "--machine", metavar="DIRECTORY", default=default, help=f"of the virtual machine (${_VARIABLE}, else {default})"
    )
    parser.add_argument("--versions", nargs="+", type=int, default=_VERSIONS, help="of the binary policy (all)")
    parser.add_argument("--random", type=int, metavar="COUNT", help="ask about so many random policies instead")
    parser.add_argument("--seed", type=int, default=1, help="what random policies are drawn by (1)")
    parser.add_argument(
        "--scenarios",
        nargs="*",
        metavar="NAME",
        help="perform the scenarios of tests/judge instead, and record them (all)",
    )
    parser.add_argument("--policy", nargs="+", metavar="FILE", default=(), help="load these and compile nothing")
    arguments = parser.parse_args(words)
    paths = [os.path.abspath(path) for path in arguments.policy]
    try:
        with tempfile.TemporaryDirectory(prefix="selbox-kernel-") as directory:
            if arguments.scenarios is not None:
                return run_scenarios(arguments.scenarios, os.path.abspath(arguments.machine), directory)
            if arguments.random:
                return run_random(arguments.random, arguments.seed, os.path.abspath(arguments.machine), directory)
            return run(paths, arguments.versions, os.path.abspath(arguments.machine), directory)
    except (KernelError, debianpolicy.PolicyUnavailableError) as error:
        say(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
