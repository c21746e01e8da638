"""Asks a real kernel and selbox's security server the same under random policies: ``./dev kernel --random COUNT``.

Every policy is compiled by selbox, loaded into the kernel of the virtual machine, and asked about by selinuxfs;
extended permissions, which selinuxfs does not tell of, by processes that call ``ioctl`` on labelled files
(:mod:`kernelprobe`). Policies are drawn by hypothesis from a seed, so that a run can be repeated.
"""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tests.server.random_policies import BOOLEANS, FILE_NAMES, IOCTLS, PERMISSIONS, USERS, contexts, policies

from selbox.avc.cache import AccessVectorCache
from selbox.binary.kernel import write_policy
from selbox.compiler.compile import compile_policy
from selbox.compiler.options import CompileOptions
from selbox.diagnostics import SelboxError, SourceFile
from selbox.language.cil import parse
from selbox.model.policy import Policy
from selbox.server.decision import ExtendedBase
from selbox.server.report import InvalidTransitionError
from selbox.server.securityserver import SecurityServer

_HERE = os.path.dirname(os.path.abspath(__file__))
_VERSION = 33
_CLASSES = tuple(PERMISSIONS)
_MOST_SIDS = 8
_POLICIES_IN_A_ROW = 8
_SECONDS_A_POLICY = 60
_BLURRED = (
    *(
        (name, other)
        for name in ("ta", "s0", "c0", "c1")
        for other in ("alias", "low", "first", "a0", "", "c0.c2", "c1.c0")
    ),
    *((mark, other) for mark in ":-,." for other in ("", mark * 2, f"{mark} ", ":", "-")),
)
"""What is written in place of what, so that contexts have aliases, or are broken."""
DENIED, GRANTED = 1, 2
"""What :mod:`kernelprobe` says of a call."""


class Case(NamedTuple):
    """A policy and what is asked under it.

    Attributes:
        cil: its text.
        booleans: values that its booleans are set to.
        texts: contexts, of which some are not valid.
    """

    cil: str
    booleans: dict[str, bool]
    texts: list[str]


def draw(count: int, number: int) -> list[Case]:
    """Draw cases that depend on the number alone."""
    drawn: list[Case] = []
    values = st.fixed_dictionaries({name: st.booleans() for name in BOOLEANS})
    one_in_five = st.integers(0, 4).map(lambda chosen: chosen == 4)

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(policies(for_kernel=True), values, st.lists(contexts, min_size=14, max_size=20, unique=True), one_in_five)
    def collect(cil: str, booleans: dict[str, bool], texts: list[str], is_plain: bool) -> None:
        if is_plain:
            cil = cil.replace("(mls true)", "(mls false)")
            # One context keeps its range, which such a policy has no use for.
            texts = [*dict.fromkeys(":".join(text.split(":", 3)[:3]) for text in texts), texts[0]]
        drawn.append(Case(cil, booleans, texts))

    collect()
    return drawn


def compiled(cil: str) -> Policy:
    """Compile a policy, whatever its bounded types may do."""
    return compile_policy([parse(SourceFile("policy.cil", cil))], options=CompileOptions(disable_neverallow=True))


class Asked:
    """A case made ready: its policy compiled, and the questions that both sides are asked.

    Args:
        case: the case.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self.policy = compiled(case.cil)
        server = self.server(enforcing=True)
        blurred = (text.replace(*each, 1) for text in case.texts[:4] for each in _BLURRED)
        self.texts = list(dict.fromkeys((*case.texts, *(text for text in blurred if text.strip() == text != ""))))
        self.valid = [text for text in case.texts if _is_valid(server, text)][:_MOST_SIDS]
        pairs = [(source, target, name) for source, target in product(self.valid, self.valid) for name in _CLASSES]
        self.created = [(*each, name) for each in pairs for name in ("", *FILE_NAMES[: each[2] == "file"])]
        self.pairs = pairs
        self.validated = [(*each, self.valid[0]) for each in pairs]

    def server(self, enforcing: bool) -> SecurityServer:
        """Return a server of the policy, with the booleans set."""
        server = SecurityServer(self.policy, enforcing)
        server.set_booleans(self.case.booleans)
        return server

    def questions(self, name: str) -> dict[str, Any]:
        """Return the questions as :mod:`kernelprobe` takes them."""
        numbers = {each: str(self.policy.class_ids[each] + 1) for each in _CLASSES}
        pairs = [(source, target, numbers[each]) for source, target, each in self.pairs]
        return {
            "policy": name,
            "booleans": self.case.booleans,
            "access": pairs,
            "relabel": pairs,
            "member": pairs,
            "create": [
                (source, target, numbers[each], *([file_name] if file_name else []))
                for source, target, each, file_name in self.created
            ],
            "validatetrans": [(old, new, numbers[each], task) for old, new, each, task in self.validated],
            "context": [(text,) for text in self.texts],
            "user": [(text, user) for text in self.valid for user in USERS],
            "sources": self.valid,
            "targets": self.valid,
            "numbers": IOCTLS,
        }

    def answers(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the security server's answers, by the names of :mod:`kernelprobe`."""
        for mode in ("permissive", "enforcing"):
            server = self.server(enforcing=mode == "enforcing")
            yield f"create_{mode}", [_new(server, server.compute_create, *each) for each in self.created]
            yield f"relabel_{mode}", [_new(server, server.compute_relabel, *each) for each in self.pairs]
            yield f"member_{mode}", [_new(server, server.compute_member, *each) for each in self.pairs]
        yield "access", [_access(server, *each) for each in self.pairs]
        yield "validatetrans", [_validity(server, *each) for each in self.validated]
        yield "context", [_canonical(server, text) for text in self.texts]
        yield "user", [_user(server, text, user) for text in self.valid for user in USERS]

    def ioctls(self) -> tuple[list[list[int]], list[tuple[str, ...]]]:
        """Return what the cache says of each call, and what is recorded, as the kernel would write it."""
        server = self.server(enforcing=True)
        cache = AccessVectorCache(server)
        asked = server.vector("file", ["ioctl"])
        results: list[list[int]] = []
        records: list[tuple[str, ...]] = []
        for source in self.valid:
            results.append([])
            for target, number in product(self.valid, IOCTLS):
                sids = server.context_to_sid(source), server.context_to_sid(target)
                question = (*sids, asked.object_class, asked.vector)
                verdict = cache.check_extended(*question, ExtendedBase.IOCTL, number >> 8, number & 0xFF)
                results[-1].append(GRANTED if verdict.granted else DENIED)
                if verdict.audited:
                    word = "denied" if verdict.denied else "granted"
                    texts = (server.sid_to_context(each) for each in sids)
                    records.append((word, hex(number), *texts))
        return results, records


def _is_valid(server: SecurityServer, text: str) -> bool:
    try:
        server.context_to_sid(text)
    except SelboxError:
        return False
    return True


def _new(server: SecurityServer, compute: Callable[..., int], source: str, target: str, *rest: str) -> str:
    sids = server.context_to_sid(source), server.context_to_sid(target)
    name = rest[1:] if rest[1:] != ("",) else ()
    try:
        return server.sid_to_context(compute(*sids, server.policy.class_ids[rest[0]], *name))
    except InvalidTransitionError:
        return "ERR:Permission denied"
    except SelboxError:
        return "ERR:Invalid argument"


def _access(server: SecurityServer, source: str, target: str, name: str) -> str:
    object_class = server.policy.class_ids[name]
    decision = server.compute_access(server.context_to_sid(source), server.context_to_sid(target), object_class)
    return f"{decision.allowed:x} ffffffff {decision.auditallow:x} {decision.auditdeny:x} * {decision.flags:x}"


def _validity(server: SecurityServer, old: str, new: str, name: str, task: str) -> str:
    sids = server.context_to_sid(old), server.context_to_sid(new), server.context_to_sid(task)
    valid = server.validate_transition(*sids, server.policy.class_ids[name])
    return "ok" if valid else "ERR:Operation not permitted"


def _canonical(server: SecurityServer, text: str) -> str:
    return server.sid_to_context(server.context_to_sid(text)) if _is_valid(server, text) else "ERR:Invalid argument"


def _user(server: SecurityServer, text: str, user: str) -> str:
    sids = server.compute_user(server.context_to_sid(text), user)
    return "\0".join((str(len(sids)), *map(server.sid_to_context, sids)))


def _without_seqno(answer: str) -> str:
    """Return an answer about access without the number of the policy, which grows with every policy loaded."""
    words = answer.split(" ")
    return " ".join((*words[:4], "*", *words[5:]))


def compare(asked: Asked, theirs: dict[str, Any]) -> tuple[int, list[str]]:
    """Return how many answers there were, and those that differ."""
    count = 0
    differences: list[str] = []
    for name, ours in asked.answers():
        found = list(map(_without_seqno, theirs[name])) if name == "access" else theirs[name]
        questions = asked.questions("")[name.partition("_")[0]]
        count += len(ours)
        differences += [
            f"{name} {' '.join(question)}: the kernel says {kernel!r}, selbox {own!r}"
            for question, kernel, own in zip(questions, found, ours, strict=True)
            if kernel != own
        ]
    results, records = asked.ioctls()
    calls = [f"{source} {target} {number:#x}" for source, target, number in product(asked.valid, asked.valid, IOCTLS)]
    flat = [[each for row in rows for each in row] for rows in (theirs["ioctl"]["results"], results)]
    count += len(calls)
    differences += [
        f"ioctl {call}: the kernel says {a}, selbox {b}" for call, a, b in zip(calls, *flat, strict=True) if a != b
    ]
    kernel_records = sorted(map(tuple, theirs["ioctl"]["records"]))
    if kernel_records != sorted(records):
        missing, extra = set(kernel_records) - set(records), set(records) - set(kernel_records)
        differences.append(f"ioctl records: only the kernel's {sorted(missing)[:3]}, only selbox's {sorted(extra)[:3]}")
    return count, differences


class Loads:
    """Policies that are loaded one after another, and contexts whose SIDs go through all of them.

    In every second policy a type goes by another name, so that contexts of it are not known there.

    Args:
        cases: give the policies.
    """

    def __init__(self, cases: Sequence[Case]) -> None:
        texts = [re.sub(r"\bte\b", "tx", each.cil) if index % 2 else each.cil for index, each in enumerate(cases)]
        self.policies = [compiled(text) for text in texts]
        server = SecurityServer(self.policies[0])
        self.texts = [
            each for each in dict.fromkeys(text for case in cases for text in case.texts) if _is_valid(server, each)
        ]
        # There and back again, enforcing and not.
        order = [*range(len(cases)), *reversed(range(len(cases)))]
        self.steps = [(index, bool(place // 3 % 2)) for place, index in enumerate(order)]

    def questions(self, name: Callable[[int], str]) -> dict[str, Any]:
        """Return what :mod:`kernelprobe` is to do; ``name`` gives the file of a policy."""
        return {"texts": self.texts, "steps": [(name(index), enforcing) for index, enforcing in self.steps]}

    def answers(self) -> list[list[str]]:
        """Return the contexts after each step, as the security server has them."""
        server = SecurityServer(self.policies[0])
        sids = [server.context_to_sid(text) for text in self.texts]
        found = []
        for index, enforcing in self.steps:
            server.enforcing = enforcing
            server.load_policy(self.policies[index])
            found.append([server.sid_to_context(sid) for sid in sids])
        return found


def run(program: str, count: int, number: int, directory: str, say: Callable[[str], None]) -> int:
    """Ask both sides; print what differs, and return the exit status.

    Args:
        program: of the machine.
        count: how many policies.
        number: they are drawn by.
        directory: an empty one.
        say: tells what takes a while.
    """
    cases = draw(count, number)
    all_asked = [asked for asked in map(Asked, cases) if asked.valid]
    loads = [Loads(cases[first : first + _POLICIES_IN_A_ROW]) for first in range(0, count, _POLICIES_IN_A_ROW)]
    say(f"{len(all_asked)} random policies, drawn by {number}")
    inputs = Inputs(directory)
    inputs.add("kernelprobe.py", content(os.path.join(_HERE, "kernelprobe.py")))
    questions: dict[str, list[Any]] = {"cases": [], "loads": []}
    for index, asked in enumerate(all_asked):
        name = inputs.add(f"case{index}.policy", write_policy(asked.policy, _VERSION))
        questions["cases"].append(asked.questions(name))
    for row, each in enumerate(loads):
        names = [
            inputs.add(f"load{row}.{index}.policy", write_policy(policy, _VERSION))
            for index, policy in enumerate(each.policies)
        ]
        questions["loads"].append(each.questions(names.__getitem__))
    inputs.add("cases.json", json.dumps(questions).encode())
    found = ask(program, inputs, directory, str(120 + _SECONDS_A_POLICY * count))
    return show(all_asked, found["cases"]) | show_loads(loads, found["loads"])


class Inputs:
    """Files for the machine.

    Args:
        directory: where they are put together.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self.paths: list[str] = []

    def add(self, name: str, data: bytes) -> str:
        """Add a file and return its name."""
        self.paths.append(os.path.join(self._directory, name))
        with open(self.paths[-1], "wb") as output:
            output.write(data)
        return name


def content(path: str) -> bytes:
    """Return what a file holds."""
    with open(path, "rb") as stream:
        return stream.read()


def ask(program: str, inputs: Inputs, directory: str, seconds: str) -> dict[str, Any]:
    """Run the probe in the machine and return its answers."""
    job = os.path.join(directory, "job.sh")
    with open(job, "w", encoding="utf-8") as stream:
        stream.write("python3 /share/in/kernelprobe.py /share/out/answers.json 2>&1\n")
    environment = os.environ | {"INPUT": " ".join(inputs.paths), "RUN": directory}
    subprocess.run(["bash", program, job, seconds], env=environment, check=False)
    found: dict[str, Any] = json.loads(content(os.path.join(directory, "share", "out", "answers.json")))
    return found


def show_loads(loads: Sequence[Loads], found: Sequence[list[list[str]]]) -> int:
    """Print the comparison of what contexts came to; return the exit status."""
    count = 0
    for row, (each, theirs) in enumerate(zip(loads, found, strict=True)):
        for step, kernel, own in zip(each.steps, theirs, each.answers(), strict=True):
            count += len(own)
            for text, first, second in zip(each.texts, kernel, own, strict=True):
                if first != second:
                    print(f"row {row}, after policy {step}: {text}: the kernel says {first!r}, selbox {second!r}")
                    return 1
    print(f"{count} contexts of processes after loads, no difference")
    return 0


def show(all_asked: Sequence[Asked], found: Sequence[dict[str, Any]]) -> int:
    """Print the comparison of each case, and the policy of the first that differs."""
    total = 0
    for index, (asked, theirs) in enumerate(zip(all_asked, found, strict=True)):
        count, differences = compare(asked, theirs)
        total += count
        if differences:
            print(f"case {index}: {len(differences)} of {count} answers differ")
            print("\n".join(differences[:10]))
            print(asked.case.cil)
            return 1
    print(f"{total} answers under {len(found)} random policies, no difference")
    return 0
