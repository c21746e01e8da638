"""Decisions of the hand-made policy, each worked by hand from its rules."""

from functools import reduce
from operator import or_

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.policies import (
    ALL,
    ANIMAL,
    CAT,
    CHOW,
    DEFAULT_RULES,
    DIRECTORY,
    DOG,
    DOG_CHOW,
    DYNTRANSITION,
    FILE,
    GETATTR,
    PROCESS,
    READ,
    SIGNAL,
    TRANSITION,
    WRITE,
    make_policy,
    make_rules,
)

from selbox.diagnostics import SelboxError
from selbox.model.constraint import CompareAttributes, Comparison, Constraint, Operand
from selbox.model.rules import RuleKind
from selbox.model.symbols import Type
from selbox.server.decision import GRANTS_ALL, NEVERAUDIT_FLAG, PERMISSIVE_FLAG, AccessDecision
from selbox.server.explanation import DenialKind, DenialReason
from selbox.server.report import BoundsExceeded, Report
from selbox.server.securityserver import SecurityServer


def decide(server: SecurityServer, source: str, target: str, object_class: int = FILE) -> AccessDecision:
    return server.compute_access(server.context_to_sid(source), server.context_to_sid(target), object_class)


def process(name: str, level: str = "s0", role: str = "animal_r") -> str:
    return f"system_u:{role}:{name}_t:{level}"


def thing(name: str, level: str = "s0") -> str:
    return f"system_u:object_r:{name}_t:{level}"


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        # rules on types and rules on attributes come together
        (process("dog"), thing("dog_chow"), AccessDecision(READ | WRITE | GETATTR, 0, ALL, 1, 0)),
        # auditallow, and dontaudit through an attribute
        (process("cat"), thing("cat_chow"), AccessDecision(READ | GETATTR, READ, ALL & ~WRITE, 1, 0)),
        # no rule: nothing; a permissive type is flagged, not granted
        (process("ghost"), thing("dog_chow"), AccessDecision(0, 0, ALL, 1, PERMISSIVE_FLAG)),
        # the constraint: reading needs a level that dominates
        (process("dog", "s0:c1"), thing("dog_chow", "s0:c1"), AccessDecision(7, 0, ALL, 1, 0)),
        (process("dog", "s0:c1"), thing("dog_chow", "s0:c2"), AccessDecision(WRITE | GETATTR, 0, ALL, 1, 0)),
        (process("dog", "s1:c1"), thing("dog_chow", "s0:c1"), AccessDecision(7, 0, ALL, 1, 0)),
    ],
)
def test_decisions(source: str, target: str, expected: AccessDecision) -> None:
    assert decide(SecurityServer(make_policy()), source, target) == expected


@given(st.booleans(), st.booleans())
def test_conditional_rules_count_when_their_expression_holds(dogs_eat_all: bool, cats_fast: bool) -> None:
    server = SecurityServer(make_policy())
    server.set_booleans({"dogs_eat_all": dogs_eat_all, "cats_fast": cats_fast})
    holds = dogs_eat_all or not cats_fast
    assert bool(decide(server, process("dog"), thing("cat_chow")).allowed & READ) == holds
    assert bool(decide(server, process("cat"), thing("dog_chow")).allowed & READ) == (not holds)


@pytest.mark.parametrize(
    ("source_role", "target_role", "expected"),
    [
        ("animal_r", "animal_r", TRANSITION | DYNTRANSITION | SIGNAL),
        ("animal_r", "vet_r", TRANSITION | DYNTRANSITION | SIGNAL),
        ("vet_r", "animal_r", SIGNAL),
    ],
)
def test_a_transition_that_changes_the_role_needs_a_role_allow(
    source_role: str, target_role: str, expected: int
) -> None:
    server = SecurityServer(make_policy())
    decision = decide(server, process("dog", role=source_role), process("puppy", role=target_role), PROCESS)
    assert decision.allowed == expected


def test_a_bounded_type_gets_no_more_than_its_bounding_type() -> None:
    server = SecurityServer(make_policy())
    assert decide(server, process("puppy"), thing("dog_chow")).allowed == READ | WRITE
    assert decide(server, process("puppy"), thing("cat_chow")).allowed == 0
    server.set_booleans({"dogs_eat_all": True})
    assert decide(server, process("puppy"), thing("cat_chow")).allowed == READ


def test_the_target_of_a_bounded_source_is_bounded_too() -> None:
    types = list(make_policy().types)
    puppy_chow = next(index for index, each in enumerate(types) if each.name == "puppy_chow_t")
    types[puppy_chow] = types[puppy_chow]._replace(bounds=DOG_CHOW)
    puppy = next(index for index, each in enumerate(types) if each.name == "puppy_t")
    rules = make_rules(*DEFAULT_RULES, (RuleKind.ALLOW, puppy, puppy_chow, FILE, READ | GETATTR))
    server = SecurityServer(make_policy(types=tuple(types), rules=rules))
    # dog_t may do all three to dog_chow_t, nothing to puppy_chow_t
    assert decide(server, process("puppy"), thing("puppy_chow")).allowed == READ | GETATTR


def test_a_class_without_rules_is_denied_and_audited() -> None:
    assert decide(SecurityServer(make_policy()), process("dog"), thing("dog"), DIRECTORY) == AccessDecision(
        0, 0, ALL, 1, 0
    )


def explain(
    server: SecurityServer, source: str, target: str, vector: int, object_class: int = FILE
) -> tuple[DenialReason, ...]:
    sids = server.context_to_sid(source), server.context_to_sid(target)
    return server.explain(*sids, object_class, vector).reasons


def test_a_denial_is_explained_by_each_part_of_policy_that_withholds() -> None:
    server = SecurityServer(make_policy())
    assert explain(server, process("dog"), thing("dog_chow"), 7) == ()
    assert explain(server, process("dog"), thing("cat_chow"), READ | WRITE) == (
        DenialReason(DenialKind.NO_RULE, READ | WRITE),
    )
    assert explain(server, process("dog"), thing("dog_chow", "s1"), READ | GETATTR) == (
        DenialReason(DenialKind.CONSTRAINT, READ, constraint=0, truths=(False, False, False)),
    )
    assert explain(server, process("puppy"), thing("cat_chow"), READ | WRITE) == (
        DenialReason(DenialKind.NO_RULE, WRITE),
        DenialReason(DenialKind.BOUNDS, READ, bounds=DOG, bounding=(DenialReason(DenialKind.NO_RULE, READ),)),
    )
    vet = process("dog", role="vet_r")
    assert explain(server, vet, process("puppy"), TRANSITION | SIGNAL, PROCESS) == (
        DenialReason(DenialKind.ROLE, TRANSITION),
    )


ROWS = st.tuples(
    st.sampled_from([RuleKind.ALLOW, RuleKind.AUDITALLOW, RuleKind.DONTAUDIT]),
    st.sampled_from([DOG, CAT, ANIMAL]),
    st.sampled_from([DOG, CAT, DOG_CHOW, CHOW, ANIMAL]),
    st.sampled_from([FILE, PROCESS]),
    st.integers(1, 7),
    st.integers(0, 2),
)
CONSTRAINTS = st.builds(
    Constraint,
    st.sampled_from([FILE, PROCESS]),
    st.integers(1, 7),
    st.sampled_from(
        [
            (CompareAttributes(left, comparison, right),)
            for left, right in ((Operand.TYPE_1, Operand.TYPE_2), (Operand.USER_1, Operand.USER_2))
            for comparison in (Comparison.EQUAL, Comparison.NOT_EQUAL)
        ]
    ),
    st.just(False),
)


@given(st.lists(ROWS, max_size=12), st.lists(CONSTRAINTS, max_size=3), st.booleans(), st.booleans())
def test_the_union_of_the_rules_that_hold_less_the_constraints_that_fail(
    rows: list[tuple[int, ...]], constraints: list[Constraint], first: bool, second: bool
) -> None:
    policy = make_policy(rules=make_rules(*rows), constraints=tuple(constraints))
    server = SecurityServer(policy)
    server.set_booleans({"dogs_eat_all": first, "cats_fast": second})
    condition_holds = {0: True, 1: first or not second, 2: not (first or not second)}
    source, target = process("dog"), "pet_u:object_r:dog_chow_t:s0"
    for object_class in (FILE, PROCESS):
        vectors = {RuleKind.ALLOW: 0, RuleKind.AUDITALLOW: 0, RuleKind.DONTAUDIT: 0}
        for kind, rule_source, rule_target, rule_class, data, condition in rows:
            is_met = rule_source in (DOG, ANIMAL) and rule_target in (DOG_CHOW, CHOW) and rule_class == object_class
            if is_met and condition_holds[condition]:
                vectors[RuleKind(kind)] |= data
        allowed = vectors[RuleKind.ALLOW]
        for each in constraints:
            comparison = each.expression[0]
            assert isinstance(comparison, CompareAttributes)
            # the two contexts differ in user and in type
            if each.object_class == object_class and comparison.comparison is Comparison.EQUAL:
                allowed &= ~each.permissions
        if object_class == PROCESS:
            allowed &= ~(TRANSITION | DYNTRANSITION)  # no role allow from animal_r to object_r
        decision = decide(server, source, target, object_class)
        auditdeny = ALL & ~vectors[RuleKind.DONTAUDIT]
        assert decision == AccessDecision(allowed, vectors[RuleKind.AUDITALLOW], auditdeny, 2, 0)
        denied = 7 & ~allowed
        explanation = server.explain(server.context_to_sid(source), server.context_to_sid(target), object_class, 7)
        assert explanation.denied == denied
        assert reduce(or_, (each.permissions for each in explanation.reasons), 0) == denied
        assert [each.row for each in explanation.rules] == [
            row
            for row, each in enumerate(rows)
            if each[1] in (DOG, ANIMAL) and each[2] in (DOG_CHOW, CHOW) and each[3] == object_class
        ]


@pytest.mark.parametrize("is_loop", [False, True])
def test_bounds_that_never_end_are_refused(is_loop: bool) -> None:
    count = 5000
    types = [Type(f"t{index}", False, 1 << index, bounds=index + 1) for index in range(count)]
    types.append(Type("last", False, 1 << count, bounds=0 if is_loop else None))
    with pytest.raises(SelboxError, match="chain of more than 64 types") as caught:
        SecurityServer(make_policy(types=tuple(types)))
    assert caught.value.diagnostics[0].code == "bounds-too-deep"


def test_what_bounds_withhold_is_reported() -> None:
    server = SecurityServer(make_policy())
    reports: list[Report] = []
    server.add_reporter(reports.append)
    decide(server, process("puppy"), thing("cat_chow"))
    assert reports == [BoundsExceeded(process("puppy"), thing("cat_chow"), "file", ("read",))]


@pytest.mark.parametrize(
    ("permissive", "expected"),
    [(False, AccessDecision(7, 0, 0, 1, NEVERAUDIT_FLAG)), (True, AccessDecision(ALL, 0, 0, 1, GRANTS_ALL))],
)
def test_nothing_is_recorded_of_a_neveraudit_type(permissive: bool, expected: AccessDecision) -> None:
    """Together with permissive, everything is granted (kernel: ``security_compute_av``)."""
    types = list(make_policy().types)
    types[DOG] = types[DOG]._replace(neveraudit=True, permissive=permissive)
    server = SecurityServer(make_policy(types=tuple(types)))
    assert decide(server, process("dog"), thing("dog_chow")) == expected
