"""Which part of a policy denies an access, as libsepol tells it, on random policies."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.explain.test_truth import make_server
from tests.server.libsepol import LibsepolServer, needs_libsepol
from tests.server.random_policies import PERMISSIONS, contexts, policies
from tests.strength import tries

from selbox.diagnostics import SelboxError
from selbox.server.explanation import DenialKind

pytestmark = [pytest.mark.oracle, needs_libsepol]

BITS = {DenialKind.NO_RULE: 1, DenialKind.CONSTRAINT: 2, DenialKind.ROLE: 4, DenialKind.BOUNDS: 8}


@settings(
    max_examples=tries(60),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking by a compiler takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(policies(), st.lists(contexts, min_size=6, max_size=12, unique=True), st.integers(1, 31))
def test_reasons_are_of_the_same_kinds(cil: str, texts: list[str], vector: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        theirs = LibsepolServer(cil, Path(directory))
    ours = make_server(cil)
    pairs: list[tuple[int, int]] = []
    for text in texts:
        their_sid = theirs.sid(text)
        try:
            our_sid = ours.context_to_sid(text)
        except SelboxError:
            continue
        assert their_sid is not None
        pairs.append((our_sid, their_sid))
    for our_source, their_source in pairs:
        for our_target, their_target in pairs:
            for name, permissions in PERMISSIONS.items():
                object_class = ours.class_id(name)
                assert object_class is not None
                asked = vector & (1 << len(permissions)) - 1
                if not asked:
                    continue
                reasons = ours.explain(our_source, our_target, object_class, asked).reasons
                expected = theirs.denial_reasons(their_source, their_target, name, asked)
                where = f"{ours.sid_to_context(our_source)} {ours.sid_to_context(our_target)} {name} {asked}\n{cil}"
                assert sum({BITS[each.kind] for each in reasons}) == expected, where
