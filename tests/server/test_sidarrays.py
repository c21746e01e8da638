"""Decisions by the array say what decisions one by one say."""

import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.server.policies import DOG, DOG_CHOW, FILE, GETATTR, PROCESS, READ, WRITE, make_policy
from tests.server.random_policies import PERMISSIONS, contexts, policies
from tests.strength import tries

from selbox.compiler.compile import compile_policy
from selbox.compiler.options import CompileOptions
from selbox.diagnostics import SelboxError, SourceFile
from selbox.language.cil import parse
from selbox.model.context import Context
from selbox.model.policy import HandleUnknown, Policy
from selbox.model.rules import Rules
from selbox.server.decision import AccessDecision
from selbox.server.securityserver import SecurityServer

UNCHECKED = CompileOptions(disable_neverallow=True)
BOUNDS = ("", "(typebounds ta tb)", "(typebounds ta tb)(typebounds tb tc)(typebounds ta td)")
FLAGS = ("", "(typepermissive ta)")


def assert_alike(server: SecurityServer, triples: list[tuple[int, int, int]]) -> None:
    """Hold the arrays against the decisions one by one, in which libsepol and the kernel are the judges."""
    found = server.compute_access_arrays(*zip(*triples, strict=True))
    for place, triple in enumerate(triples):
        expected = server.compute_access(*triple)
        ours = AccessDecision(
            int(found.allowed[place]),
            int(found.auditallow[place]),
            int(found.auditdeny[place]),
            found.seqno,
            int(found.flags[place]),
            expected.extended,
        )
        assert ours == expected, triple


@settings(
    max_examples=tries(120),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    policies(),
    st.lists(contexts, min_size=8, max_size=16, unique=True),
    st.sampled_from(BOUNDS),
    st.sampled_from(FLAGS),
    st.booleans(),
)
def test_random_policies(cil: str, texts: list[str], bounds: str, flags: str, value: bool) -> None:
    source = SourceFile("policy.cil", f"{cil}\n{bounds}\n{flags}")
    server = SecurityServer(compile_policy([parse(source)], options=UNCHECKED))
    sids = [1]
    for text in texts:
        try:
            sids.append(server.context_to_sid(text))
        except SelboxError:
            continue
    classes = range(len(PERMISSIONS) + 1)  # one more than there are
    triples = list(product(sids, sids, classes))
    assert_alike(server, triples)
    server.set_booleans({"b0": value, "b1": not value})
    assert_alike(server, triples)


@pytest.fixture
def policy() -> Policy:
    return make_policy()


def sid(server: SecurityServer, type_id: int) -> int:
    return server.sid_for(Context(0, 0, type_id))


def test_hand_made(policy: Policy) -> None:
    server = SecurityServer(policy)
    dog, chow = sid(server, DOG), sid(server, DOG_CHOW)
    found = server.compute_access_arrays([dog, dog, chow], [chow, dog, dog], np.array([FILE, PROCESS, FILE]))
    assert [array.dtype for array in (found.allowed, found.flags)] == [np.uint32, np.uint32]
    assert found.allowed[0] == server.compute_access(dog, chow, FILE).allowed
    assert found.allowed[0] & (READ | WRITE | GETATTR)
    assert_alike(server, list(product((1, dog, chow), (1, dog, chow), range(5))))


@pytest.mark.parametrize("handling", HandleUnknown)
def test_names_that_the_policy_does_not_define(policy: Policy, handling: HandleUnknown) -> None:
    server = SecurityServer(policy._replace(handle_unknown=handling))
    dog = sid(server, DOG)
    if handling is not HandleUnknown.REJECT:
        server.vector("file", ("gnaw",))
        server.vector("bone", ("bury",))
    assert_alike(server, list(product((1, dog), (1, dog), range(6))))


def test_classes_that_are_too_large_for_matrices(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selbox.server.rulearrays._MATRIX_LIMIT", 0)
    server = SecurityServer(policy)
    sids = [sid(server, type_id) for type_id, each in enumerate(policy.types) if not each.is_attribute]
    assert_alike(server, list(product(sids, sids, range(5))))


def test_a_policy_that_says_nothing(policy: Policy) -> None:
    types = tuple(each for each in policy.types if not each.is_attribute)
    server = SecurityServer(policy._replace(types=types, rules=Rules(), constraints=(), role_allows=()))
    assert_alike(server, list(product((1, sid(server, DOG)), (1,), range(5))))


def test_flags(policy: Policy) -> None:
    types = list(policy.types)
    types[DOG] = types[DOG]._replace(permissive=True, neveraudit=True)
    types[DOG_CHOW] = types[DOG_CHOW]._replace(neveraudit=True)
    server = SecurityServer(policy._replace(types=tuple(types)))
    sids = [sid(server, each) for each in (DOG, DOG_CHOW)]
    assert_alike(server, list(product(sids, sids, range(5))))


def test_sids_that_come_later_and_another_policy(policy: Policy) -> None:
    server = SecurityServer(policy)
    assert_alike(server, [(1, 1, FILE)])
    dog = sid(server, DOG)
    assert_alike(server, [(dog, 1, FILE), (1, dog, PROCESS)])
    server.load_policy(policy._replace(constraints=()))
    assert_alike(server, [(dog, dog, FILE), (dog, sid(server, DOG_CHOW), FILE)])


def test_nobody_pays_for_numpy_who_does_not_ask_for_arrays() -> None:
    program = (
        "import sys, selbox.enforce.run, selbox.server.securityserver, selbox.server.questions, selbox.avc.cache; "
    )
    program += "sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_wrong_questions(policy: Policy) -> None:
    server = SecurityServer(policy)
    for unknown in (0, -1, 4711):
        with pytest.raises(SelboxError) as caught:
            server.compute_access_arrays([1, unknown], [1, 1], [FILE, FILE])
        assert caught.value.diagnostics[0].code == "unknown-sid"
    with pytest.raises(ValueError, match="one length"):
        server.compute_access_arrays([1, 1], [1, 1], [FILE])
    assert len(server.compute_access_arrays([], [], []).allowed) == 0
