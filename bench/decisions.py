"""Measures decisions in one process: the access vector cache, the security server, the compiler."""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from itertools import cycle, product
from time import perf_counter_ns

from _figures import Figures, Row, show

from selbox.avc.cache import AccessVectorCache
from selbox.compiler.compile import compile_policy
from selbox.language.cil import parse
from selbox.model.policy import Policy
from selbox.server.securityserver import SecurityServer
from selbox.store.policyfiles import base_sources, load_policy

_HERE = os.path.dirname(os.path.abspath(__file__))
_COLORING_BOOK = os.path.join(os.path.dirname(_HERE), "examples", "coloring-book", "coloring-book.cil")
_CLASSES = ("file", "dir", "process", "unix_stream_socket", "shm")


def sample(operation: Callable[[], object], times: int, rounds: int) -> Figures:
    """Return microseconds of one operation: the mean of ``times``, in each of several rounds."""
    samples = []
    for _ in range(rounds + 1):
        begin = perf_counter_ns()
        for _ in range(times):
            operation()
        samples.append((perf_counter_ns() - begin) / times / 1000)
    return Figures(tuple(samples[1:]))


def all_contexts(policy: Policy) -> list[str]:
    """Return a context of every type of the base policy, as a process or a file would have it."""
    names = [each.name for each in policy.types if not each.is_attribute]
    server = SecurityServer(policy)
    kernel = server.context_of(server.initial_sid("kernel"))
    domains = policy.roles[kernel.role].types
    return [
        f"system_u:{'system_r' if domains >> policy.type_ids[name] & 1 else 'object_r'}:{name}:s0" for name in names
    ]


def main(words: Sequence[str]) -> int:
    """Measure and show."""
    parser = ArgumentParser(prog="bench/decisions.py", description="Measure decisions in one process.")
    parser.add_argument("--rounds", type=int, default=7, help="samples of each row (7)")
    parser.add_argument("--json", action="store_true", help="write JSON")
    arguments = parser.parse_args(words)
    rounds = arguments.rounds
    policy = load_policy([_COLORING_BOOK])
    server = SecurityServer(policy)
    cache = AccessVectorCache(server)
    dog = server.context_to_sid("system_u:system_r:dog_t:s0")
    chow = server.context_to_sid("system_u:object_r:dog_chow_t:s0")
    asked = server.vector("file", ("read", "open"))
    sids = [server.context_to_sid(text) for text in all_contexts(policy)]
    classes = [server.vector(name, ()).object_class for name in _CLASSES]
    triples = cycle([triple for triple in product(sids, sids, classes) if triple[0] in (dog, sids[0])])
    trees = [parse(each) for each in base_sources()]

    def new_server_decides() -> object:
        return SecurityServer(policy).compute_access(1, 1, classes[0])

    known = {(dog, chow, asked.object_class): asked.vector}

    def look_up(source: int, target: int, object_class: int, _requested: int) -> object:
        return known.get((source, target, object_class))

    operations: tuple[tuple[str, int, Callable[[], object]], ...] = (
        ("a call that looks into a dictionary", 20_000, lambda: look_up(dog, chow, asked.object_class, asked.vector)),
        ("a check that the cache answers", 20_000, lambda: cache.check(dog, chow, asked.object_class, asked.vector)),
        ("an access vector that is not cached", 1_000, lambda: server.compute_access(*next(triples))),
        ("context to SID", 2_000, lambda: server.context_to_sid("system_u:system_r:dog_t:s0:c1")),
        ("a new server's first access vector", 10, new_server_decides),
        ("parse of the base policy", 5, lambda: [parse(each) for each in base_sources()]),
        ("compilation of the base policy", 5, lambda: compile_policy(trees)),
        ("base policy and the Coloring Book's, from files", 5, lambda: load_policy([_COLORING_BOOK])),
    )
    rows = [Row(name, "µs", {"one": sample(operation, times, rounds)}) for name, times, operation in operations]
    show("Decisions in one process: median (smallest to largest)", rows, (), as_json=arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
