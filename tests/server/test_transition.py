"""New contexts, each worked by hand along the kernel's ``security_compute_sid``."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.policies import (
    ANIMAL,
    ANIMAL_ROLE,
    CAT,
    CAT_CHOW,
    CHOW,
    DOG,
    DOG_CHOW,
    FILE,
    PROCESS,
    PUPPY,
    PUPPY_CHOW,
    SOCKET,
    VET_ROLE,
    between,
    level,
    make_policy,
    make_rules,
)

from selbox.diagnostics import SelboxError
from selbox.model.context import Context
from selbox.model.mls import Level, LevelRange
from selbox.model.objectclass import DefaultFrom, DefaultRange
from selbox.model.policy import Policy
from selbox.model.rules import NamedTransition, RangeTransition, RoleTransition, RuleKind
from selbox.server.report import InvalidTransitionError, Report
from selbox.server.ruleindex import RuleIndex
from selbox.server.securityserver import SecurityServer
from selbox.server.transition import ContextComputer

DOG_CONTEXT = "pet_u:animal_r:dog_t:s0-s0:c0.c3"
CHOW_CONTEXT = "system_u:object_r:dog_chow_t:s1:c4"


def create(policy: Policy, source: str, target: str, object_class: int, name: str | None = None) -> str:
    server = SecurityServer(policy)
    sids = server.context_to_sid(source), server.context_to_sid(target)
    return server.sid_to_context(server.compute_create(*sids, object_class, name))


def with_defaults(object_class: int, **defaults: Any) -> Policy:
    policy = make_policy()
    classes = list(policy.classes)
    classes[object_class] = classes[object_class]._replace(**defaults)
    return make_policy(classes=tuple(classes))


def test_without_rules_a_process_and_a_socket_keep_the_context_of_the_source() -> None:
    for object_class in (PROCESS, SOCKET):
        assert create(make_policy(), DOG_CONTEXT, CHOW_CONTEXT, object_class) == DOG_CONTEXT


def test_a_socket_of_a_class_that_the_policy_does_not_define_is_a_socket() -> None:
    server = SecurityServer(make_policy())
    sids = server.context_to_sid(DOG_CONTEXT), server.context_to_sid(CHOW_CONTEXT)
    for name, expected in (("tcp_socket", DOG_CONTEXT), ("obsolete_socket", None)):
        created = server.sid_to_context(server.compute_create(*sids, server.vector(name, ()).object_class))
        assert (created == DOG_CONTEXT) == (expected is not None)


def test_without_rules_an_object_takes_its_users_low_level_and_its_parents_type() -> None:
    assert create(make_policy(), DOG_CONTEXT, CHOW_CONTEXT, FILE) == "pet_u:object_r:dog_chow_t:s0"


def test_relabel_and_member() -> None:
    rules = make_rules(
        (RuleKind.TYPE_CHANGE, ANIMAL, CHOW, FILE, PUPPY_CHOW),
        (RuleKind.TYPE_MEMBER, DOG, DOG_CHOW, FILE, CAT_CHOW),
    )
    server = SecurityServer(make_policy(rules=rules))
    sids = server.context_to_sid(DOG_CONTEXT), server.context_to_sid(CHOW_CONTEXT)
    assert server.sid_to_context(server.compute_relabel(*sids, FILE)) == "pet_u:object_r:puppy_chow_t:s0"
    # a member belongs to the related object's user, and takes the low level whatever the class
    assert server.sid_to_context(server.compute_member(*sids, FILE)) == "system_u:object_r:cat_chow_t:s0"
    assert server.sid_to_context(server.compute_relabel(*sids, SOCKET)) == DOG_CONTEXT
    assert server.sid_to_context(server.compute_member(*sids, SOCKET)) == "system_u:animal_r:dog_t:s0"


def test_type_transitions_on_attributes_and_under_booleans() -> None:
    rules = make_rules(
        (RuleKind.TYPE_TRANSITION, ANIMAL, CHOW, FILE, PUPPY_CHOW),
        (RuleKind.TYPE_TRANSITION, CAT, CAT, FILE, CAT_CHOW, 1),
        (RuleKind.TYPE_TRANSITION, CAT, CAT, FILE, DOG_CHOW, 2),
    )
    policy = make_policy(rules=rules)
    assert create(policy, DOG_CONTEXT, CHOW_CONTEXT, FILE) == "pet_u:object_r:puppy_chow_t:s0"
    server = SecurityServer(policy)
    cat = server.context_to_sid("system_u:animal_r:cat_t:s0")
    assert server.sid_to_context(server.compute_create(cat, cat, FILE)) == "system_u:object_r:dog_chow_t:s0"
    server.set_booleans({"dogs_eat_all": True})
    assert server.sid_to_context(server.compute_create(cat, cat, FILE)) == "system_u:object_r:cat_chow_t:s0"


def test_a_transition_by_name_goes_before_one_without() -> None:
    policy = make_policy(
        rules=make_rules((RuleKind.TYPE_TRANSITION, DOG, DOG_CHOW, FILE, PUPPY_CHOW)),
        named_transitions=(NamedTransition(ANIMAL, CHOW, FILE, "bowl", CAT_CHOW),),
    )
    for name, expected in (("bowl", "cat_chow_t"), ("bowl2", "puppy_chow_t"), (None, "puppy_chow_t")):
        assert create(policy, DOG_CONTEXT, CHOW_CONTEXT, FILE, name) == f"pet_u:object_r:{expected}:s0"


def test_role_and_range_transitions() -> None:
    policy = make_policy(
        role_transitions=(RoleTransition(ANIMAL_ROLE, CHOW, PROCESS, VET_ROLE),),
        range_transitions=(RangeTransition(ANIMAL, CHOW, PROCESS, 0),),
        ranges=(between(Level(0), level(1, 1)),),
    )
    dog = "system_u:animal_r:dog_t:s0:c5"
    assert create(policy, dog, CHOW_CONTEXT, PROCESS) == "system_u:vet_r:dog_t:s0-s1:c1"
    server = SecurityServer(policy)
    sids = server.context_to_sid(dog), server.context_to_sid(CHOW_CONTEXT)
    # only creation looks at role and range transitions
    assert server.compute_relabel(*sids, PROCESS) == sids[0]


@pytest.mark.parametrize(
    ("defaults", "expected"),
    [
        ({"default_user": DefaultFrom.TARGET}, "system_u:object_r:dog_chow_t:s0"),
        ({"default_user": DefaultFrom.SOURCE}, "pet_u:object_r:dog_chow_t:s0"),
        ({"default_type": DefaultFrom.SOURCE}, "pet_u:object_r:dog_t:s0"),
        ({"default_role": DefaultFrom.SOURCE, "default_type": DefaultFrom.SOURCE}, "pet_u:animal_r:dog_t:s0"),
        ({"default_role": DefaultFrom.TARGET}, "pet_u:object_r:dog_chow_t:s0"),
        ({"default_range": DefaultRange.SOURCE_LOW}, "pet_u:object_r:dog_chow_t:s0"),
        ({"default_range": DefaultRange.SOURCE_HIGH}, "pet_u:object_r:dog_chow_t:s0:c0.c3"),
        ({"default_range": DefaultRange.SOURCE_LOW_HIGH}, "pet_u:object_r:dog_chow_t:s0-s0:c0.c3"),
        ({"default_range": DefaultRange.TARGET_LOW}, "pet_u:object_r:dog_chow_t:s0:c1"),
        ({"default_range": DefaultRange.TARGET_HIGH}, "pet_u:object_r:dog_chow_t:s1:c1,c2"),
        ({"default_range": DefaultRange.TARGET_LOW_HIGH}, "pet_u:object_r:dog_chow_t:s0:c1-s1:c1,c2"),
        ({"default_range": DefaultRange.GLBLUB}, "pet_u:object_r:dog_chow_t:s0-s0:c1,c2"),
    ],
)
def test_defaults_of_the_class(defaults: dict[str, DefaultFrom | DefaultRange], expected: str) -> None:
    target = "system_u:object_r:dog_chow_t:s0:c1-s1:c1,c2"
    assert create(with_defaults(FILE, **defaults), DOG_CONTEXT, target, FILE) == expected


def test_relabel_takes_the_default_user_and_a_member_does_not() -> None:
    server = SecurityServer(with_defaults(FILE, default_user=DefaultFrom.TARGET))
    sids = server.context_to_sid(DOG_CONTEXT), server.context_to_sid(CHOW_CONTEXT)
    assert server.sid_to_context(server.compute_relabel(*sids, FILE)).startswith("system_u:")
    server = SecurityServer(with_defaults(FILE, default_user=DefaultFrom.SOURCE))
    sids = server.context_to_sid(DOG_CONTEXT), server.context_to_sid(CHOW_CONTEXT)
    assert server.sid_to_context(server.compute_member(*sids, FILE)).startswith("system_u:")


def test_glblub_needs_a_common_sensitivity() -> None:
    policy = with_defaults(FILE, default_range=DefaultRange.GLBLUB)
    with pytest.raises(SelboxError, match="share no sensitivity") as caught:
        create(policy, DOG_CONTEXT, CHOW_CONTEXT, FILE)
    assert caught.value.diagnostics[0].code == "no-common-range"


def invalid_policy() -> Policy:
    """A dog that runs dog chow becomes dog chow, which no process may be."""
    return make_policy(rules=make_rules((RuleKind.TYPE_TRANSITION, DOG, DOG_CHOW, PROCESS, CAT_CHOW)))


LEVELS = st.builds(Level, st.integers(0, 1), st.integers(0, 7).map(lambda bits: bits << 1))
RANGES = st.builds(LevelRange, LEVELS, LEVELS)


@settings(deadline=None)
@given(RANGES, RANGES)
def test_glblub_is_symmetric_and_lies_between(first: LevelRange, second: LevelRange) -> None:
    policy = with_defaults(FILE, default_range=DefaultRange.GLBLUB)
    computer = ContextComputer(policy, RuleIndex(policy))

    def common(*ranges: LevelRange) -> LevelRange | None:
        source, target = (Context(0, 0, DOG, each) for each in ranges)
        try:
            return computer.compute(RuleKind.TYPE_TRANSITION, source, target, FILE, (True,)).range
        except SelboxError:
            return None

    found = common(first, second)
    assert found == common(second, first)
    assert common(first, first) == (first if first.low.sensitivity <= first.high.sensitivity else None)
    if found is None:
        assert max(each.low.sensitivity for each in (first, second)) > min(
            each.high.sensitivity for each in (first, second)
        )
    else:
        assert found.low.categories == first.low.categories & second.low.categories
        assert found.high.categories == first.high.categories & second.high.categories


def test_an_invalid_context_is_raised_when_enforcing() -> None:
    reports: list[Report] = []
    server = SecurityServer(invalid_policy(), enforcing=True)
    server.add_reporter(reports.append)
    sids = server.context_to_sid(DOG_CONTEXT), server.context_to_sid(CHOW_CONTEXT)
    with pytest.raises(InvalidTransitionError, match="role `animal_r` may not take type `cat_chow_t`") as caught:
        server.compute_create(*sids, PROCESS)
    error = caught.value
    assert reports == [error]
    assert error.diagnostics[0].code == "invalid-transition"
    assert error.invalid_context == "pet_u:animal_r:cat_chow_t:s0-s0:c0.c3"
    assert (error.source, error.target, error.object_class) == (DOG_CONTEXT, CHOW_CONTEXT, "process")


def test_an_invalid_context_is_used_and_reported_when_permissive() -> None:
    reports: list[Report] = []
    server = SecurityServer(invalid_policy(), enforcing=False)
    server.add_reporter(reports.append)
    sids = server.context_to_sid(DOG_CONTEXT), server.context_to_sid(CHOW_CONTEXT)
    computed = server.compute_create(*sids, PROCESS)
    assert server.sid_to_context(computed) == "pet_u:animal_r:cat_chow_t:s0-s0:c0.c3"
    assert [each.invalid_context for each in reports if isinstance(each, InvalidTransitionError)] == [
        server.sid_to_context(computed)
    ]
    # that the context has a SID now makes it no more valid
    server.enforcing = True
    with pytest.raises(InvalidTransitionError):
        server.compute_create(*sids, PROCESS)


def test_a_type_may_be_bounded_through_others() -> None:
    types = list(make_policy().types)
    types[CAT] = types[CAT]._replace(bounds=PUPPY)
    server = SecurityServer(make_policy(types=tuple(types)))
    dog, puppy, cat = (server.context_to_sid(f"system_u:animal_r:{name}_t:s0") for name in ("dog", "puppy", "cat"))
    assert server.bounded_transition(dog, dog)
    assert server.bounded_transition(dog, puppy)
    assert server.bounded_transition(dog, cat)
    assert not server.bounded_transition(puppy, dog)
    assert not server.bounded_transition(cat, dog)
