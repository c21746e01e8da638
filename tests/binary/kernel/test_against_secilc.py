"""Policies compiled here and written are, byte for byte, what secilc makes of the same source."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.binary.kernel.binaries import CIL_BY_VERSION, everything, secilc_binary
from tests.oracles.secilc import requires_secilc
from tests.server.random_policies import ATTRIBUTES, BOOLEANS, TYPES, policies
from tests.strength import tries

from selbox.binary.kernel import read_policy, write_policy
from selbox.compiler.compile import compile_policy
from selbox.diagnostics import SourceFile
from selbox.language.cil import parse

pytestmark = [pytest.mark.oracle, requires_secilc]

_NAMES = st.sampled_from(TYPES + ATTRIBUTES)
_COMMANDS = st.lists(
    st.one_of(
        st.integers(0, 0xFFFF).map("{:#x}".format),
        st.tuples(st.integers(0, 0x7FFF), st.integers(0x8000, 0xFFFF)).map(
            lambda ends: "(range {:#x} {:#x})".format(*ends)
        ),
        st.tuples(st.integers(0, 0x7F), st.integers(1, 0x90)).map(
            lambda ends: f"(range {ends[0] * 256:#x} {ends[0] * 256 + ends[1]:#x})"
        ),
    ),
    min_size=1,
    max_size=4,
).map(" ".join)


@st.composite
def extended_rules(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(["allowx", "auditallowx", "dontauditx"]))
    return f"({kind} {draw(_NAMES)} {draw(_NAMES)} (ioctl file ({draw(_COMMANDS)})))"


@st.composite
def transitions(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(["a", "b", "passwd", "x" * 40]))
    target, result = draw(st.sampled_from(TYPES)), draw(st.sampled_from(TYPES))
    return f'(typetransition {draw(st.sampled_from(TYPES))} {target} file "{name}{result}{target}" {result})'


@st.composite
def full_policies(draw: st.DrawFn) -> str:
    """Draw a policy with rules of every kind."""
    lines = draw(policies()).split("\n")
    # libsepol takes two conditions of the same booleans for one where they are not (``selbox.compiler.conditions``).
    conditions = [line for line in lines if line.startswith("(booleanif (")]
    lines = [line for line in lines if line not in conditions[1:]]
    lines += draw(st.lists(extended_rules(), max_size=8))
    lines += draw(st.lists(transitions(), max_size=6))
    for boolean in draw(st.lists(st.sampled_from(BOOLEANS), max_size=3)):
        lines.append(f"(booleanif {boolean} (true (allow ta {draw(_NAMES)} (file (read)))))")
    return "\n".join(lines)


def ours(cil: str, version: int) -> bytes:
    return write_policy(compile_policy([parse(SourceFile("policy.cil", cil))]), version)


@pytest.mark.parametrize("version", range(26, 34))
def test_every_statement_is_written_as_secilc_writes_it(version: int) -> None:
    assert ours(CIL_BY_VERSION[version], version) == everything(version)


@settings(max_examples=tries(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(full_policies(), st.sampled_from([30, 32, 33]))
def test_random_policies_are_written_as_secilc_writes_them(cil: str, version: int) -> None:
    theirs = secilc_binary(cil, version)
    assert ours(cil, version) == theirs
    assert write_policy(read_policy(theirs, "policy"), version) == theirs
