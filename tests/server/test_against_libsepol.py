"""Decisions and validity on random policies, as libsepol sees them."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.server.libsepol import LibsepolServer, needs_libsepol
from tests.server.random_policies import PERMISSIONS, contexts, policies
from tests.strength import tries

from selbox.compiler.compile import compile_policy
from selbox.compiler.options import CompileOptions
from selbox.diagnostics import SelboxError, SourceFile
from selbox.language.cil import parse
from selbox.server.report import InvalidTransitionError
from selbox.server.securityserver import SecurityServer

KNOWN_TO_LIBSEPOL = ("file", "process")
"""Classes whose new contexts libsepol computes as the kernel does: to libsepol a socket is an object like any other."""

UNCHECKED = CompileOptions(disable_neverallow=True)

pytestmark = [pytest.mark.oracle, needs_libsepol]


def make_server(cil: str) -> SecurityServer:
    return SecurityServer(compile_policy([parse(SourceFile("policy.cil", cil))], options=UNCHECKED))


def context_or_none(server: SecurityServer, compute: Callable[[int, int, int], int], *question: int) -> str | None:
    try:
        return server.sid_to_context(compute(*question))
    except InvalidTransitionError:
        return None


def sid_or_none(server: SecurityServer, text: str) -> int | None:
    try:
        return server.context_to_sid(text)
    except SelboxError:
        return None


@settings(
    max_examples=tries(60),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking by a compiler takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(policies(), st.lists(contexts, min_size=8, max_size=16, unique=True))
def test_decisions_and_validity(cil: str, texts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        theirs = LibsepolServer(cil, Path(directory))
    ours = make_server(cil)
    pairs: list[tuple[int, int]] = []
    for text in texts:
        our_sid, their_sid = sid_or_none(ours, text), theirs.sid(text)
        assert (our_sid is None) == (their_sid is None), f"validity of {text}\n{cil}"
        if our_sid is not None and their_sid is not None:
            pairs.append((our_sid, their_sid))
    for our_source, their_source in pairs:
        for our_target, their_target in pairs:
            for name in PERMISSIONS:
                object_class = ours.class_id(name)
                assert object_class is not None
                decision = ours.compute_access(our_source, our_target, object_class)
                expected = theirs.access(their_source, their_target, name)
                where = f"{ours.sid_to_context(our_source)} {ours.sid_to_context(our_target)} {name}\n{cil}"
                assert (decision.allowed, decision.auditallow, decision.auditdeny) == expected, where
                if name in KNOWN_TO_LIBSEPOL:
                    question = our_source, our_target, object_class
                    relabelled = theirs.relabel(their_source, their_target, name)
                    assert context_or_none(ours, ours.compute_relabel, *question) == relabelled, where
                    member = theirs.member(their_source, their_target, name)
                    assert context_or_none(ours, ours.compute_member, *question) == member, where
                task, their_task = pairs[0]
                valid = ours.validate_transition(our_source, our_target, task, object_class)
                assert valid == theirs.validate_transition(their_source, their_target, their_task, name), where
