"""Performs the scenarios of ``tests/judge`` on a real kernel in the virtual machine, and records what came of them."""

import fcntl
import json
import os
import subprocess
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.judge import outcome, scenariopolicy

_JOB = """
cd /run && tar xf /share/in/scenarios.tar && cd /run/scenarios
python3 -c 'import os; os.write(os.open("/sys/fs/selinux/load", os.O_RDWR), open("policy", "rb").read())' || exit 1
python3 -B -m tests.judge.driver programs /share/out/results.json $(cat names) || exit 1
"""
_SECONDS = 480
_SECONDS_A_SCENARIO = 30


class ScenariosError(Exception):
    """The scenarios cannot be performed; says why."""


def run(program: str, names: Sequence[str], directory: Path, say: Callable[[str], None]) -> int:
    """Perform scenarios and record what came of them; return the exit status.

    Args:
        program: of the machine.
        names: of the scenarios; all of them when there are none.
        directory: an empty one.
        say: tells what takes a while.

    Raises:
        ScenariosError: when the machine fails, or there is no such scenario.
        PolicyUnavailableError: when Debian's policy cannot be had.
    """
    known = scenariopolicy.names()
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ScenariosError(f"there is no scenario {', '.join(unknown)}")
    wanted = list(names) or known
    say(f"compiling the policy of {len(wanted)} scenarios")
    archive = _pack(wanted, directory)
    found = _perform(program, archive, len(wanted), directory)
    status = 0
    for name, each in found.items():
        faults = [line for line in each.results if ": ! " in line]
        status |= bool(faults)
        print("\n".join([f"{name}: faulty, not recorded", *faults]) if faults else f"{name}: recorded")
        if not faults:
            outcome.write_recording(name, each)
    return status


def _pack(names: Sequence[str], directory: Path) -> Path:
    """Make the archive of all that the machine needs; return its path."""
    from selbox.binary.kernel import write_policy
    from selbox.diagnostics import SelboxError
    from selbox.store.policyfiles import load_policy

    content = directory / "scenarios"
    programs = content / "programs"
    programs.mkdir(parents=True)
    try:
        policy = load_policy(scenariopolicy.write(directory, names), base=False)
    except SelboxError as error:
        raise ScenariosError(str(error)) from None
    (content / "policy").write_bytes(write_policy(policy, 33))
    (content / "names").write_text(" ".join(names))
    script = scenariopolicy.compile_programs(programs, names)
    if subprocess.run(["sh", "-c", script], check=False).returncode:
        raise ScenariosError("a program does not compile; the compiler's messages are above")
    archive = directory / "scenarios.tar"
    with tarfile.open(archive, "w") as stream:
        stream.add(content, "scenarios")
        package = scenariopolicy.HERE
        for path in (package.parent / "__init__.py", *package.glob("*.py"), *scenariopolicy.SCENARIOS.glob("*.py")):
            stream.add(path, os.path.join("scenarios", path.relative_to(package.parents[1])))
    return archive


def _perform(program: str, archive: Path, count: int, directory: Path) -> dict[str, outcome.Outcome]:
    """Run the job in the machine, alone; return what came of the scenarios."""
    job = directory / "job.sh"
    job.write_text(_JOB)
    environment = os.environ | {"INPUT": str(archive), "RUN": str(directory)}
    seconds = str(_SECONDS + _SECONDS_A_SCENARIO * count)
    with open(program) as machine:
        fcntl.flock(machine, fcntl.LOCK_EX)
        if subprocess.run(["bash", program, str(job), seconds], env=environment, check=False).returncode:
            raise ScenariosError("the job in the machine failed; its messages are above")
    share = directory / "share"
    results = json.loads((share / "out" / "results.json").read_text())
    log = (share / "audit.txt").read_text(errors="replace").splitlines()
    return outcome.outcomes(results, log)
