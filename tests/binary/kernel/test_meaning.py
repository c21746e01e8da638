"""What is written is read back with the same meaning, by whatever policy and version."""

from functools import cache

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.binary.kernel.binaries import CIL_BY_VERSION, XEN
from tests.binary.kernel.meaning import meaning
from tests.server.random_policies import policies
from tests.strength import tries

from selbox.binary.kernel import NEWEST_VERSION, read_policy, write_policy
from selbox.compiler.compile import compile_policy
from selbox.diagnostics import SourceFile
from selbox.language.cil import parse
from selbox.model.extended import ExtendedKind, ExtendedRule, ExtendedSpecifier
from selbox.model.policy import Policy, Target
from selbox.model.rules import NamedTransition, RuleKind, Rules


def compiled(cil: str) -> Policy:
    return compile_policy([parse(SourceFile("policy.cil", cil))])


@cache
def everything() -> Policy:
    return compiled(CIL_BY_VERSION[33])


@settings(max_examples=tries(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(policies(), st.sampled_from([31, 33, 35]))
def test_random_policies_keep_their_meaning(cil: str, version: int) -> None:
    assume(version > 31 or "glblub" not in cil)  # came with version 32
    policy = compiled(cil)
    written = write_policy(policy, version)
    again = read_policy(written, "policy")
    assert meaning(again) == meaning(policy)
    assert write_policy(again, version) == written


@pytest.mark.parametrize("cil", [CIL_BY_VERSION[33], XEN, XEN.replace("(mls true)", "(mls false)")])
def test_every_statement_keeps_its_meaning(cil: str) -> None:
    policy = compiled(cil)
    version: int | None = NEWEST_VERSION
    if cil != CIL_BY_VERSION[33]:
        policy, version = policy._replace(target=Target.XEN), None
    assert meaning(read_policy(write_policy(policy, version), "policy")) == meaning(policy)


_TYPES = st.integers(0, 3)
_CONDITIONS = st.integers(0, 6)


@st.composite
def rules(draw: st.DrawFn) -> Rules:
    """Draw rules with several rows of one key, in any order."""
    result = Rules()
    kinds = st.sampled_from([1, 2, 4])
    permissions = st.integers(0, 0xFFFFFFFF)
    for row in draw(st.lists(st.tuples(kinds, _TYPES, _TYPES, st.integers(0, 3), permissions, _CONDITIONS))):
        kind, source, target, object_class, data, condition = row
        origin = draw(st.integers(0, 1))
        result.append(RuleKind(kind), source, target, object_class, data, condition, origin)
    for source, target, new_type, condition in draw(st.lists(st.tuples(_TYPES, _TYPES, _TYPES, _CONDITIONS))):
        result.append(RuleKind.TYPE_TRANSITION, source, target, 1, new_type, condition)
    return result


_EXTENDED = st.builds(
    ExtendedRule,
    st.sampled_from(ExtendedKind),
    _TYPES,
    _TYPES,
    st.just(1),
    st.sampled_from(ExtendedSpecifier),
    st.integers(0, 255),
    st.integers(0, (1 << 256) - 1),
    _CONDITIONS,
)
_NAMED = st.builds(NamedTransition, _TYPES, _TYPES, st.integers(0, 3), st.text("ab/é\udcff", min_size=1), st.just(2))


@settings(max_examples=tries(100), deadline=None)
@given(rules(), st.lists(_EXTENDED), st.lists(_NAMED))
def test_any_rules_are_merged_and_keep_their_meaning(
    own: Rules, extended: list[ExtendedRule], named: list[NamedTransition]
) -> None:
    policy = everything()._replace(rules=own, extended_rules=tuple(extended), named_transitions=tuple(named))
    written = write_policy(policy, NEWEST_VERSION)
    again = read_policy(written, "policy")
    assert meaning(again) == meaning(policy)
    assert write_policy(again, NEWEST_VERSION) == written


def test_types_without_a_name_are_attributes_with_a_name_of_ours() -> None:
    policy = everything()
    types = tuple(
        each._replace(name=f"@ttr{index + 1:04}") if each.name in ("a0", "a1") else each
        for index, each in enumerate(policy.types)
    )
    constraints = tuple(each for each in policy.constraints if not any("a0" in str(term) for term in each.expression))
    nameless = policy._replace(types=types, constraints=constraints, validate_transitions=())
    written = write_policy(nameless)
    assert b"a0" not in written
    assert b"@ttr" not in written
    again = read_policy(written, "policy")
    assert [each.name for each in again.types if each.is_attribute] == ["@ttr0005", "@ttr0006", "a2"]
    assert meaning(again) == meaning(nameless)
