"""Measures logs explained and turned into rules, beside policycoreutils' programs, on Debian's real policy."""

import os
import shutil
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from random import Random

from _figures import Row, show
from _processes import OURS, PEER, ROOT, FailedError, Task, measure, run, selbox

from selbox.binary.kernel import read_policy
from selbox.model.bitset import members
from selbox.model.policy import Policy
from selbox.server.validity import OBJECT_ROLE

sys.path.append(os.path.join(ROOT, "tools"))
import debianpolicy

_RECORDS = 100_000
_KINDS = 2_000
_FEW = 3_000
"""Records that all differ of which the peer is asked: it tries every boolean for each, and 100,000 take it minutes."""


def records(policy: Policy, count: int, kinds: int) -> Iterator[str]:
    """Yield records of denials.

    Args:
        policy: whose types and classes they are of; their contexts are valid.
        count: how many.
        kinds: how many differ in more than time, process and file.
    """
    random = Random(7)  # noqa: S311 - the same log each time
    sources, processes = [], 0
    for number, role in enumerate(policy.roles):
        users = [user.name for user in policy.users if user.roles >> number & 1]
        if users and number != OBJECT_ROLE:
            processes |= role.types
            user = "system_u" if "system_u" in users else users[0]
            sources += [f"{user}:{role.name}:{policy.types[each].name}:s0" for each in members(role.types)]
    others = (each for number, each in enumerate(policy.types) if not processes >> number & 1)
    objects = [each.name for each in others if not each.is_attribute]
    classes = [each for each in policy.classes if each.permissions]
    accesses = []
    for _ in range(kinds):
        object_class = random.choice(classes)
        names = object_class.permissions
        permissions = random.sample(names, min(len(names), random.choice((1, 1, 2))))
        target = f"system_u:object_r:{random.choice(objects)}:s0"
        accesses.append((" ".join(permissions), random.choice(sources), target, object_class.name))
    for number in range(count):
        permissions_text, source, target, name = accesses[number % kinds] if kinds == count else random.choice(accesses)
        yield (
            f"type=AVC msg=audit({1_700_000_000 + number // 3}.{number % 1000:03}:{number + 1}): avc:  denied  "
            f'{{ {permissions_text} }} for  pid={random.randrange(2, 30000)} comm="daemon" name="f{number % 977}" '
            f'dev="dm-0" ino={random.randrange(9, 10**7)} scontext={source} tcontext={target} tclass={name} '
            "permissive=0"
        )


def tasks(directory: str) -> list[Task]:
    """Make the policy and the logs that are measured in a directory.

    Raises:
        PolicyUnavailableError: when Debian's policy cannot be had.
        FailedError: when secilc refuses it.
    """
    run([["secilc", "-c", "33", "-o", "policy", "-f", "contexts", *debianpolicy.cil_files("default")]], directory)
    with open(os.path.join(directory, "policy"), "rb") as stream:
        policy = read_policy(stream.read(), "policy")
    logs = (
        ("kinds", f"{_RECORDS} records of {_KINDS} kinds", _RECORDS, _KINDS, True),
        ("few", f"{_FEW} records, all different", _FEW, _FEW, True),
        ("different", f"{_RECORDS} records, all different", _RECORDS, _RECORDS, False),
    )
    found = []
    for name, words, count, kinds, with_peer in logs:
        with open(os.path.join(directory, name), "w", encoding="utf-8") as stream:
            stream.writelines(f"{each}\n" for each in records(policy, count, kinds))
        for program in ("audit2why", "audit2allow"):
            command = [program, "-p", "policy", "-i", name]
            ways: dict[str, Sequence[Sequence[str]]] = {OURS: [selbox(*command)]}
            if with_peer and shutil.which(program):
                ways[PEER] = [command]
            found.append(Task(f"{program}, {words}", ways, directory))
    return found


def main(words: Sequence[str]) -> int:
    """Measure and show."""
    parser = ArgumentParser(prog="bench/logs.py", description="Measure logs explained and turned into rules.")
    parser.add_argument("--rounds", type=int, default=3, help="samples of each row (3)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only rows whose name holds TEXT")
    parser.add_argument("--json", action="store_true", help="write JSON")
    arguments = parser.parse_args(words)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as directory:
        try:
            for task in tasks(directory):
                if arguments.only in task.name:
                    rows += measure(task, arguments.rounds)
        except (FailedError, debianpolicy.PolicyUnavailableError, OSError) as error:
            print(f"bench/logs.py: {error}", file=sys.stderr)
            return 1
    notes = ["The peer: audit2why and audit2allow of policycoreutils."]
    if shutil.which("audit2why") is None:
        notes = ["No peer: policycoreutils' Python utilities are not installed."]
    title = "logs under Debian's policy, whole processes, user and system time: median (smallest to largest)"
    show(title, rows, notes, as_json=arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
