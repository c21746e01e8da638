"""Measures explanations of denials under Debian's policy, beside audit2why's engine."""

import os
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from random import Random
from time import process_time_ns

from _figures import Figures, Row, show
from _processes import OURS, PEER, ROOT, FailedError, run

from selbox.audit.accesslines import logged_accesses
from selbox.binary.kernel import read_policy
from selbox.cli.terminal import Terminal
from selbox.cli.whytext import answer_text
from selbox.diagnostics import SelboxError
from selbox.explain.describe import answer
from selbox.explain.question import Question, question
from selbox.explain.recorded import recorded_questions
from selbox.model.bitset import members
from selbox.model.policy import Policy
from selbox.model.rules import RuleKind
from selbox.server.securityserver import SecurityServer

sys.path.append(os.path.join(ROOT, "tools"))
import debianpolicy

_SYSTEM_PYTHON = "/usr/bin/python3"
_ENGINE = """
import sys, time
from selinux import audit2why
audit2why.init(sys.argv[1])
questions = [line.rstrip("\\n").split("\\t") for line in sys.stdin]
for _ in range(int(sys.argv[2])):
    begin = time.process_time_ns()
    for source, target, object_class, permissions in questions:
        audit2why.analyze(source, target, object_class, permissions.split())
    print((time.process_time_ns() - begin) / len(questions) / 1000)
"""
_PLAIN = Terminal(colour=False, width=100)


def denials(policy: Policy, count: int) -> list[str]:
    """Return records of denials: accesses that rules are about, some conditional, and one permission that is not."""
    random = Random(11)  # noqa: S311 - the same ones each time
    server = SecurityServer(policy)
    rules = policy.rules
    allowing = [row for row in range(len(rules)) if rules.kind[row] == RuleKind.ALLOW]
    conditional = [row for row in allowing if rules.condition[row]]
    found: list[str] = []
    while len(found) < count:
        rule = rules[random.choice(conditional if len(found) % 4 == 0 else allowing)]
        types = [random.choice(tuple(members(policy.types[each].types))) for each in (rule.source, rule.target)]
        source, target = (policy.types[each].name for each in types)
        named = policy.classes[rule.object_class]
        wanted = {random.choice(named.names(rule.data)), random.choice(named.permissions)}
        try:
            asked = question(server, source, target, named.name, sorted(wanted))
        except SelboxError:  # no context has the type
            continue
        if server.explain(*asked[:5]).denied:
            contexts = [server.sid_to_context(each) for each in asked[:2]]
            found.append(
                f'avc:  denied  {{ {" ".join(sorted(wanted))} }} for  pid=1 comm="x" scontext={contexts[0]} '
                f"tcontext={contexts[1]} tclass={named.name} permissive=0"
            )
    return found


def sample(operation: Callable[[Question], object], questions: Sequence[Question], rounds: int) -> Figures:
    """Return microseconds of processor time of one question: means, in several rounds after an uncounted one."""
    samples = []
    for _ in range(rounds + 1):
        begin = process_time_ns()
        for each in questions:
            operation(each)
        samples.append((process_time_ns() - begin) / len(questions) / 1000)
    return Figures(tuple(samples[1:]))


def by_engine(path: str, records: Sequence[str], rounds: int) -> Figures:
    """Return microseconds of processor time of one record in audit2why's engine.

    Raises:
        FailedError: when it is not installed.
    """
    asked = [
        "\t".join((each.scontext, each.tcontext, each.tclass, " ".join(each.permissions)))
        for _, _, each in logged_accesses(records, [])
    ]
    command = [_SYSTEM_PYTHON, "-c", _ENGINE, path, str(rounds)]
    done = subprocess.run(command, input="\n".join(asked) + "\n", capture_output=True, text=True, check=False)
    if done.returncode:
        raise FailedError(done.stderr)
    return Figures(tuple(map(float, done.stdout.split())))


def measured(path: str, count: int, rounds: int) -> list[Row]:
    """Return what is measured under a kernel policy."""
    with open(path, "rb") as stream:
        policy = read_policy(stream.read(), path)
    records = denials(policy, count)
    server = SecurityServer(policy)
    questions = recorded_questions(server, logged_accesses(records, []), [])

    def explained(each: Question) -> object:
        return server.propose(server.explain(*each[:5]))

    rows = (
        ("verdict", lambda each: server.compute_access(*each[:3])),
        ("reasons, each with its evaluation", lambda each: server.explain(*each[:5])),
        ("reasons, and proposals that were tried", explained),
        ("all that `selbox why` tells, as text", lambda each: answer_text(answer(server, each), _PLAIN)),
    )
    peer = by_engine(path, records, rounds)
    return [Row(name, "us", {PEER: peer, OURS: sample(operation, questions, rounds)}) for name, operation in rows]


def main(words: Sequence[str]) -> int:
    """Measure and show."""
    parser = ArgumentParser(prog="bench/explain.py", description="Measure explanations of denials.")
    parser.add_argument("--rounds", type=int, default=5, help="samples of each row (5)")
    parser.add_argument("--count", type=int, default=400, help="denials (400)")
    parser.add_argument("--json", action="store_true", help="write JSON")
    parser.add_argument("policy", nargs="?", help="a kernel policy (Debian's selinux-policy-default, by secilc)")
    arguments = parser.parse_args(words)
    try:
        with tempfile.TemporaryDirectory() as directory:
            path = arguments.policy
            if path is None:
                files = debianpolicy.cil_files("default")
                run([["secilc", "-c", "33", "-o", "policy", "-f", "contexts", *files]], directory)
                path = os.path.join(directory, "policy")
            rows = measured(path, arguments.count, arguments.rounds)
    except (debianpolicy.PolicyUnavailableError, FailedError) as error:
        print(f"explain: {error}", file=sys.stderr)
        return 1
    notes = ("the peer is the function `analyze` of selinux.audit2why, called from Python",)
    show("Explanations of denials", rows, notes, as_json=arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
