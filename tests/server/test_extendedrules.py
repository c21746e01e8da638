"""Extended permissions, each case worked by hand along the kernel's ``services_compute_xperms_*``."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.policies import ANIMAL, CAT, CHOW, DIRECTORY, DOG, DOG_CHOW, FILE, SOCKET, make_policy

from selbox.model.extended import ExtendedKind, ExtendedRule, ExtendedSpecifier
from selbox.model.policy import HandleUnknown
from selbox.server.decision import ALL_EXTENDED, ExtendedBase, ExtendedDecision, ExtendedPermissions
from selbox.server.securityserver import SecurityServer

ALLOW, AUDITALLOW, DONTAUDIT = ExtendedKind.ALLOW, ExtendedKind.AUDITALLOW, ExtendedKind.DONTAUDIT
FUNCTION, DRIVER, MESSAGE = (
    ExtendedSpecifier.IOCTL_FUNCTION,
    ExtendedSpecifier.IOCTL_DRIVER,
    ExtendedSpecifier.NETLINK_MESSAGE,
)
IOCTL, NLMSG = ExtendedBase.IOCTL, ExtendedBase.NLMSG
DOG_CONTEXT, CHOW_CONTEXT = "system_u:animal_r:dog_t:s0", "system_u:object_r:dog_chow_t:s0"
NOTHING = ExtendedDecision(0, 0, 0)


def server_with(*rules: ExtendedRule, **changes: object) -> tuple[SecurityServer, int, int]:
    server = SecurityServer(make_policy(extended_rules=rules, **changes))
    return server, server.context_to_sid(DOG_CONTEXT), server.context_to_sid(CHOW_CONTEXT)


def test_where_no_rule_is_nothing_is_defined() -> None:
    server, dog, chow = server_with(ExtendedRule(ALLOW, CAT, DOG_CHOW, FILE, FUNCTION, 0x12, 1))
    assert server.compute_access(dog, chow, FILE).extended is None
    assert server.compute_access(dog, chow, DIRECTORY).extended is None
    assert server.compute_extended(dog, chow, FILE, IOCTL, 0x12) == NOTHING
    assert server.compute_extended(dog, chow, DIRECTORY, IOCTL, 0x12) == NOTHING


def test_functions_of_a_driver() -> None:
    server, dog, chow = server_with(
        ExtendedRule(ALLOW, DOG, DOG_CHOW, FILE, FUNCTION, 0x12, 0b101),
        ExtendedRule(ALLOW, ANIMAL, CHOW, FILE, FUNCTION, 0x12, 0b010),
        ExtendedRule(ALLOW, ANIMAL, CHOW, FILE, FUNCTION, 0x34, 1 << 255),
    )
    assert server.compute_access(dog, chow, FILE).extended == ExtendedPermissions(IOCTL, 1 << 0x12 | 1 << 0x34)
    assert server.compute_extended(dog, chow, FILE, IOCTL, 0x12) == ExtendedDecision(0b111, 0, 0)
    assert server.compute_extended(dog, chow, FILE, IOCTL, 0x34) == ExtendedDecision(1 << 255, 0, 0)
    assert server.compute_extended(dog, chow, FILE, IOCTL, 0x56) == NOTHING


def test_whole_drivers() -> None:
    server, dog, chow = server_with(
        ExtendedRule(ALLOW, DOG, DOG_CHOW, FILE, DRIVER, 0, 1 << 0x12 | 1 << 0xFF),
        ExtendedRule(DONTAUDIT, DOG, DOG_CHOW, FILE, DRIVER, 0, 1 << 0x34),
    )
    assert server.compute_access(dog, chow, FILE).extended == ExtendedPermissions(
        IOCTL, 1 << 0x12 | 1 << 0xFF | 1 << 0x34
    )
    assert server.compute_extended(dog, chow, FILE, IOCTL, 0xFF) == ExtendedDecision(ALL_EXTENDED, 0, 0)
    assert server.compute_extended(dog, chow, FILE, IOCTL, 0x34) == ExtendedDecision(0, 0, ALL_EXTENDED)


def test_rules_that_only_audit_are_rules_too() -> None:
    server, dog, chow = server_with(ExtendedRule(AUDITALLOW, DOG, DOG_CHOW, FILE, FUNCTION, 0x12, 1))
    assert server.compute_access(dog, chow, FILE).extended == ExtendedPermissions(IOCTL, 1 << 0x12)
    assert server.compute_extended(dog, chow, FILE, IOCTL, 0x12) == ExtendedDecision(0, 1, 0)


def test_netlink_messages_are_apart_from_ioctls() -> None:
    server, dog, chow = server_with(
        ExtendedRule(ALLOW, DOG, DOG_CHOW, SOCKET, MESSAGE, 0, 0b11),
        ExtendedRule(ALLOW, DOG, DOG_CHOW, SOCKET, FUNCTION, 0, 0b100),
    )
    extended = server.compute_access(dog, chow, SOCKET).extended
    assert extended == ExtendedPermissions(IOCTL | NLMSG, 1)
    assert server.compute_extended(dog, chow, SOCKET, NLMSG, 0).allowed == 0b11
    assert server.compute_extended(dog, chow, SOCKET, IOCTL, 0).allowed == 0b100


def test_conditional_rules_count_when_they_hold() -> None:
    # the condition is `dogs_eat_all or not cats_fast`, false by default
    server, dog, chow = server_with(ExtendedRule(ALLOW, DOG, DOG_CHOW, FILE, FUNCTION, 0x12, 1, 1))
    assert server.compute_access(dog, chow, FILE).extended is None
    server.set_booleans({"dogs_eat_all": True})
    assert server.compute_access(dog, chow, FILE).extended == ExtendedPermissions(IOCTL, 1 << 0x12)
    assert server.compute_extended(dog, chow, FILE, IOCTL, 0x12).allowed == 1


@pytest.mark.parametrize("handle_unknown", [HandleUnknown.ALLOW, HandleUnknown.DENY])
def test_a_class_that_the_policy_does_not_define(handle_unknown: HandleUnknown) -> None:
    server, dog, chow = server_with(handle_unknown=handle_unknown)
    bowl = server.vector("bowl", ["ioctl"]).object_class
    assert server.compute_access(dog, chow, bowl).extended is None
    allowed = ALL_EXTENDED if handle_unknown is HandleUnknown.ALLOW else 0
    assert server.compute_extended(dog, chow, bowl, IOCTL, 0).allowed == allowed


RULES = st.builds(
    ExtendedRule,
    st.sampled_from(ExtendedKind),
    st.sampled_from([DOG, CAT, ANIMAL]),
    st.sampled_from([DOG_CHOW, CHOW]),
    st.just(FILE),
    st.sampled_from(ExtendedSpecifier),
    st.sampled_from([0, 1, 255]),
    st.sets(st.sampled_from([0, 1, 2, 255]), min_size=1).map(lambda bits: sum(1 << bit for bit in bits)),
    st.sampled_from([0, 1, 2]),
)


def numbers(rule: ExtendedRule, kind: ExtendedBase) -> set[int]:
    """Return the 16-bit numbers that a rule is about."""
    bits = {bit for bit in range(256) if rule.permissions >> bit & 1}
    if rule.specifier is DRIVER:
        return {driver << 8 | function for driver in bits for function in range(256)} if kind is IOCTL else set()
    is_of_kind = (rule.specifier is MESSAGE) == (kind is NLMSG)
    return {rule.driver << 8 | function for function in bits} if is_of_kind else set()


@settings(max_examples=60, deadline=None)
@given(st.lists(RULES, max_size=6), st.booleans(), st.sampled_from(ExtendedBase))
def test_a_decision_is_the_union_of_the_rules_that_hold(
    rules: list[ExtendedRule], switched: bool, kind: ExtendedBase
) -> None:
    server, dog, chow = server_with(*rules)
    server.set_booleans({"dogs_eat_all": switched})
    holding = [each for each in rules if each.source in (DOG, ANIMAL) and each.condition in (0, 1 if switched else 2)]
    extended = server.compute_access(dog, chow, FILE).extended
    assert (extended is not None) == bool(holding)
    for driver in (0, 1, 2, 255):
        decision = server.compute_extended(dog, chow, FILE, kind, driver)
        for found, rule_kind in zip(decision, (ALLOW, AUDITALLOW, DONTAUDIT), strict=True):
            sets = (numbers(each, kind) for each in holding if each.kind is rule_kind)
            expected = {number & 0xFF for each in sets for number in each if number >> 8 == driver}
            assert {bit for bit in range(256) if found >> bit & 1} == expected
        if any(decision):
            assert extended is not None
            assert extended.bases & kind
            assert extended.drivers >> driver & 1
