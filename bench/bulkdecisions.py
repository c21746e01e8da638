"""Measures access decisions on Debian's real policy, one by one and many at once, beside libsepol in a loop in C."""

import os
import shutil
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from time import process_time_ns

import _libsepol
import numpy as np
from _figures import Figures, Row, show
from _processes import OURS, PEER, ROOT, FailedError, run, selbox
from _questions import Asker, Question

from selbox.avc.cache import AccessVectorCache
from selbox.model.policy import Policy
from selbox.server.securityserver import SecurityServer
from selbox.store.policyfiles import load_policy

sys.path.append(os.path.join(ROOT, "tools"))
import debianpolicy

_HERE = os.path.dirname(os.path.abspath(__file__))
_SINGLE, _MANY, _PAIRS, _CHECKS, _LINES = 5_000, 1_000_000, 1_000, 1_000_000, 200_000
_QUESTIONS, _LONG = "questions", "lines"

Sample = Callable[[], float]
"""Takes one sample, in the unit of its row."""


class LoopInC:
    """The loop of sepol.c, built in a directory, on the policy that is there.

    Args:
        directory: has ``policy`` and the files of questions.

    Raises:
        NoLibsepolError: when it cannot be built.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self.program = _libsepol.build(directory)

    def microseconds(self, questions: str, times: int) -> float:
        """Return what one of ``times`` decisions takes."""
        command = [self.program, "policy", questions, str(times), "1"]
        done = subprocess.run(command, cwd=self._directory, capture_output=True, text=True, check=False)
        if done.returncode:
            raise FailedError(f"sepol: {done.stderr}")
        return int(done.stdout.split()[1]) / times / 1000


def timed(work: Callable[[], object], times: int) -> float:
    """Return the microseconds of processor time that one of ``times`` steps of some work takes."""
    begin = process_time_ns()
    work()
    return (process_time_ns() - begin) / times / 1000


def prepare(directory: str, given: str | None) -> Policy:
    """Put the policy into a directory, compiling Debian's unless one is given, and read it."""
    path = os.path.join(directory, "policy")
    if given is None:
        run([selbox("compile", "-o", path, *debianpolicy.cil_files("default"))], directory)
    else:
        shutil.copy(given, path)
    return load_policy([path])


class Measurements:
    """Samples of each row, by turns.

    Args:
        directory: has ``policy``; questions are put there.
        policy: the same.
        rounds: samples of each row.
        peer: the loop in C, where there is one.
    """

    def __init__(self, directory: str, policy: Policy, rounds: int, peer: LoopInC | None) -> None:
        self._directory, self._policy, self._rounds, self._peer = directory, policy, rounds, peer

    def rows(self) -> list[Row]:
        """Measure everything."""
        asker = Asker(self._policy)
        rows = []
        for name, ask in (("random contexts", asker.anything), ("along random rules", asker.along_a_rule)):
            questions = [ask() for _ in range(_SINGLE)]
            self._write(_QUESTIONS, questions)
            rows += self._decisions(name, questions)
        self._write(_LONG, [ask() for ask in (asker.anything, asker.along_a_rule) for _ in range(_LINES // 2)])
        return [*rows, *self._processes()]

    def _write(self, name: str, questions: Sequence[Question]) -> None:
        with open(os.path.join(self._directory, name), "w", encoding="utf-8") as stream:
            names = [each.name for each in self._policy.classes]
            stream.writelines(f"{source}\t{target}\t{names[number]}\n" for source, target, number in questions)

    def _samples(self, name: str, unit: str, ways: dict[str, Sample]) -> Row:
        taken: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(self._rounds):
            for way, sample in ways.items():
                taken[way].append(sample())
        return Row(name, unit, {way: Figures(tuple(samples)) for way, samples in taken.items()})

    def _asked(self, questions: Sequence[Question]) -> tuple[SecurityServer, list[tuple[int, int, int]]]:
        """Return a new server, and the questions in its numbers, which are the same for every new server."""
        server = SecurityServer(self._policy)
        return server, [(server.context_to_sid(a), server.context_to_sid(b), number) for a, b, number in questions]

    def _decisions(self, name: str, questions: Sequence[Question]) -> list[Row]:
        server, triples = self._asked(questions)
        picked = np.random.default_rng(1).integers(0, len(triples), _MANY)
        arrays = [np.array(column)[picked] for column in zip(*triples, strict=True)]
        some = np.random.default_rng(2).integers(0, _PAIRS, _CHECKS).tolist()
        repeated = [triples[number] for number in some]
        floor = dict.fromkeys(triples[:_PAIRS], 0)
        peer = self._peer

        def one_by_one(asked: SecurityServer) -> None:
            for triple in triples:
                asked.compute_access(*triple)

        def by_a_new_server() -> float:
            asked, _ = self._asked(questions)
            return timed(lambda: one_by_one(asked), _SINGLE)

        def through(cache: AccessVectorCache) -> None:
            for triple in repeated:
                cache.compute_access(*triple)

        def look_up() -> None:
            for triple in repeated:
                floor[triple]

        one_by_one(server)  # the rules are sorted out now
        theirs = {} if peer is None else {PEER: lambda: peer.microseconds(_QUESTIONS, _SINGLE)}
        return [
            self._samples(
                f"the first {_SINGLE} of a new server, {name}",
                "µs",
                {**theirs, OURS: by_a_new_server},
            ),
            self._samples(
                f"not cached, {name}", "µs", {**theirs, OURS: lambda: timed(lambda: one_by_one(server), _SINGLE)}
            ),
            self._samples(
                f"{_MANY} as arrays, {name}",
                "µs",
                {**theirs, OURS: lambda: timed(lambda: server.compute_access_arrays(*arrays), _MANY)},
            ),
            self._samples(
                f"{_CHECKS} over {_PAIRS} pairs through the AVC, {name}",
                "µs",
                {**theirs, OURS: lambda: timed(lambda: through(AccessVectorCache(server)), _CHECKS)},
            ),
            self._samples("the same from a dict", "µs", {OURS: lambda: timed(look_up, _CHECKS)}),
        ]

    def _processes(self) -> list[Row]:
        decide = [sys.executable, os.path.join(_HERE, "_decideall.py"), "policy"]
        rows = []
        for name, way in ((f"load, and {_SINGLE} decisions", "singly"), ("the same by the array", "arrays")):
            commands = {OURS: [*decide, _QUESTIONS, way]}
            if self._peer is not None:
                commands = {PEER: [self._peer.program, "policy", _QUESTIONS, str(_SINGLE), "1"], **commands}
            rows += self._whole(name, commands)
        shell = f"{' '.join(selbox('decide', 'access', '--policy', 'policy'))} < {_LONG}"
        return [*rows, *self._whole(f"selbox decide, {_LINES} lines", {OURS: ["sh", "-c", shell]})]

    def _whole(self, name: str, commands: dict[str, list[str]]) -> list[Row]:
        costs = {
            way: [run([command], self._directory) for _ in range(self._rounds)] for way, command in commands.items()
        }
        seconds = {way: Figures(tuple(each.seconds for each in taken)) for way, taken in costs.items()}
        memory = {way: Figures(tuple(each.mebibytes for each in taken)) for way, taken in costs.items()}
        return [Row(name, "s", seconds), Row("peak memory", "MiB", memory)]


def main(words: Sequence[str]) -> int:
    """Measure and show."""
    parser = ArgumentParser(prog="bench/bulkdecisions.py", description="Measure access decisions on Debian's policy.")
    parser.add_argument("--policy", metavar="FILE", help="another kernel policy")
    parser.add_argument("--rounds", type=int, default=3, help="samples of each row (3)")
    parser.add_argument("--json", action="store_true", help="write JSON")
    arguments = parser.parse_args(words)
    notes = ["The peer: libsepol's sepol_compute_av in a loop in C. Processor time."]
    try:
        with tempfile.TemporaryDirectory() as directory:
            policy = prepare(directory, arguments.policy)
            try:
                peer = LoopInC(directory)
            except _libsepol.NoLibsepolError as error:
                peer = None
                notes.append(f"Without the peer: {error}")
            rows = Measurements(directory, policy, arguments.rounds, peer).rows()
    except (debianpolicy.PolicyUnavailableError, FailedError) as error:
        print(f"bulkdecisions: {error}", file=sys.stderr)
        return 1
    show("Access decisions on Debian's policy: median (smallest to largest)", rows, notes, as_json=arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
