"""Contexts for users, each worked by hand along the kernel's ``security_get_user_sids``."""

import pytest
from tests.server.policies import (
    ANIMAL_ROLE,
    CAT,
    DOG,
    KERNEL,
    PROCESS,
    PUPPY,
    SIGNAL,
    TRANSITION,
    level,
    make_policy,
    make_rules,
)

from selbox.diagnostics import SelboxError
from selbox.model.context import Context
from selbox.model.mls import Level, LevelRange
from selbox.model.policy import Policy
from selbox.model.rules import RuleKind
from selbox.server.reachable import user_contexts
from selbox.server.securityserver import SecurityServer

RULES = make_rules(
    (RuleKind.ALLOW, KERNEL, DOG, PROCESS, TRANSITION),
    (RuleKind.ALLOW, KERNEL, PUPPY, PROCESS, TRANSITION | SIGNAL),
    (RuleKind.ALLOW, KERNEL, CAT, PROCESS, SIGNAL),
)


def reachable(server: SecurityServer, source: str, user: str) -> list[str]:
    return [server.sid_to_context(each) for each in server.compute_user(server.context_to_sid(source), user)]


def test_what_a_process_may_come_to() -> None:
    server = SecurityServer(make_policy(rules=RULES))
    assert reachable(server, "system_u:animal_r:kernel_t:s0", "pet_u") == [
        "pet_u:animal_r:dog_t:s0",
        "pet_u:animal_r:puppy_t:s0",
    ]
    # the policy has a rule that lets animal_r become vet_r
    assert reachable(server, "system_u:animal_r:kernel_t:s0", "system_u") == [
        "system_u:animal_r:dog_t:s0",
        "system_u:animal_r:puppy_t:s0",
        "system_u:vet_r:dog_t:s0",
        "system_u:vet_r:puppy_t:s0",
    ]
    assert reachable(server, "system_u:animal_r:cat_t:s0", "pet_u") == []


def test_permissive_mode_reaches_no_further() -> None:
    server = SecurityServer(make_policy(rules=RULES), enforcing=False)
    assert reachable(server, "system_u:animal_r:cat_t:s0", "pet_u") == []


def test_an_unknown_user_is_refused() -> None:
    server = SecurityServer(make_policy())
    with pytest.raises(SelboxError, match="no user `pet`") as caught:
        server.compute_user(1, "pet")
    assert caught.value.diagnostics[0].code == "unknown-user"
    assert caught.value.diagnostics[0].help == "did you mean `pet_u`?"


def test_a_policy_without_levels() -> None:
    server = SecurityServer(make_policy(rules=RULES, mls=False))
    assert reachable(server, "system_u:animal_r:kernel_t", "pet_u") == [
        "pet_u:animal_r:dog_t",
        "pet_u:animal_r:puppy_t",
    ]


LOW, MIDDLE, HIGH, TOP = Level(0), level(0, 1), level(0, 1, 2), level(1, 1, 2, 3)


def policy_with(default: Level, clearance: LevelRange) -> Policy:
    policy = make_policy()
    user = policy.users[1]._replace(default_level=default, range=clearance)
    return make_policy(users=(policy.users[0], user))


@pytest.mark.parametrize(
    ("default", "clearance", "source", "expected"),
    [
        # the default level lies within what the process has
        (MIDDLE, (LOW, HIGH), (LOW, TOP), (MIDDLE, HIGH)),
        (MIDDLE, (LOW, TOP), (LOW, HIGH), (MIDDLE, HIGH)),
        # it does not, but the process's low level lies between the default and the clearance
        (LOW, (LOW, TOP), (MIDDLE, HIGH), (MIDDLE, HIGH)),
        # the process's high level lies below the default
        (HIGH, (LOW, TOP), (LOW, MIDDLE), (LOW, MIDDLE)),
        # the process is above all that the user may
        (LOW, (LOW, MIDDLE), (HIGH, TOP), None),
        # clearances that do not compare
        (LOW, (LOW, level(0, 4)), (LOW, MIDDLE), None),
    ],
)
def test_the_range_that_user_and_process_have_in_common(
    default: Level,
    clearance: tuple[Level, Level],
    source: tuple[Level, Level],
    expected: tuple[Level, Level] | None,
) -> None:
    policy = policy_with(default, LevelRange(*clearance))
    found = {each.range for each in user_contexts(policy, Context(0, ANIMAL_ROLE, DOG, LevelRange(*source)), 1)}
    assert found == (set() if expected is None else {LevelRange(*expected)})
