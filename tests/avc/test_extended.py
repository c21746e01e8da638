"""Checks of extended permissions, worked by hand along the kernel's ``avc_has_extended_perms``."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.avc.scriptedserver import ScriptedServer

from selbox.avc.cache import GRANTED, AccessVectorCache, Verdict
from selbox.server.decision import ExtendedBase, ExtendedDecision, ExtendedPermissions

IOCTL, NLMSG = ExtendedBase.IOCTL, ExtendedBase.NLMSG
VECTOR = 0b10
DRIVER, NUMBER = 0x12, 3
BIT = 1 << NUMBER
DENIED = Verdict(False, VECTOR, VECTOR, False)
LET_PASS = Verdict(True, VECTOR, VECTOR, True)


def server_with(
    allowed: int = VECTOR,
    auditallow: int = 0,
    auditdeny: int = 0xFFFFFFFF,
    decision: ExtendedDecision | None = None,
    enforcing: bool = True,
) -> ScriptedServer:
    """Make a server whose rules are about the driver; without a decision, about another one."""
    server = ScriptedServer(allowed, auditallow, auditdeny, enforcing=enforcing)
    drivers = 1 << (DRIVER if decision else DRIVER + 1)
    server.decision = server.decision._replace(extended=ExtendedPermissions(IOCTL, drivers))
    if decision:
        server.extended[IOCTL, DRIVER] = decision
    return server


def check(cache: AccessVectorCache, kind: ExtendedBase = IOCTL, driver: int = DRIVER, number: int = NUMBER) -> Verdict:
    return cache.check_extended(1, 2, 0, VECTOR, kind, driver, number)


def test_without_extended_rules_the_access_vector_decides() -> None:
    server = ScriptedServer(allowed=VECTOR)
    assert check(AccessVectorCache(server)) is GRANTED
    assert check(AccessVectorCache(ScriptedServer())) == DENIED
    assert server.extended_asked == []


def test_a_number_that_a_rule_allows_is_granted() -> None:
    server = server_with(decision=ExtendedDecision(BIT, 0, 0))
    cache = AccessVectorCache(server)
    assert check(cache) is GRANTED
    assert check(cache, number=NUMBER + 1) == DENIED
    assert check(cache, driver=DRIVER + 1) == DENIED
    assert check(cache, NLMSG) == DENIED
    # one driver was worth asking about, and is kept
    assert (server.asked, server.extended_asked) == (1, [(IOCTL, DRIVER)])


def test_a_number_is_not_granted_without_the_base_permission() -> None:
    assert check(AccessVectorCache(server_with(allowed=0, decision=ExtendedDecision(BIT, 0, 0)))) == DENIED


def test_other_permissions_are_not_limited_by_extended_rules() -> None:
    cache = AccessVectorCache(server_with(allowed=0b11))
    assert check(cache) == DENIED
    assert cache.check(1, 2, 0, 0b11) is GRANTED


@pytest.mark.parametrize(
    ("auditallow", "decision", "expected"),
    [
        (VECTOR, ExtendedDecision(BIT, BIT, 0), Verdict(True, 0, VECTOR, False)),
        # both the base permission and the number must be audited
        (VECTOR, ExtendedDecision(BIT, 0, 0), GRANTED),
        (0, ExtendedDecision(BIT, BIT, 0), GRANTED),
    ],
)
def test_what_is_granted_is_recorded_when_both_rules_say_so(
    auditallow: int, decision: ExtendedDecision, expected: Verdict
) -> None:
    assert check(AccessVectorCache(server_with(auditallow=auditallow, decision=decision))) == expected


@pytest.mark.parametrize(
    ("auditdeny", "decision"),
    [(0xFFFFFFFF, ExtendedDecision(0, 0, BIT)), (0xFFFFFFFF & ~VECTOR, ExtendedDecision(0, 0, 0))],
)
def test_what_is_denied_is_silent_when_either_rule_says_so(auditdeny: int, decision: ExtendedDecision) -> None:
    cache = AccessVectorCache(server_with(auditdeny=auditdeny, decision=decision))
    assert check(cache) == Verdict(False, VECTOR, 0, False)


def test_permissive_mode_grants_a_number_of_a_driver_with_rules_once() -> None:
    cache = AccessVectorCache(server_with(decision=ExtendedDecision(1, 0, 0), enforcing=False))
    assert check(cache) == LET_PASS
    assert check(cache) is GRANTED
    assert check(cache, number=NUMBER + 1) == LET_PASS


def test_permissive_mode_denies_a_number_of_a_driver_without_allow_rules_each_time() -> None:
    """The kernel's node has no set of allowed numbers to add to (``avc_xperms_allow_perm``)."""
    for decision in (ExtendedDecision(0, 0, 1), None):
        cache = AccessVectorCache(server_with(decision=decision, enforcing=False))
        assert [check(cache) for _ in range(3)] == [LET_PASS] * 3


def test_a_change_is_heeded() -> None:
    server = server_with(decision=ExtendedDecision(BIT, 0, 0))
    cache = AccessVectorCache(server)
    assert check(cache) is GRANTED
    server.extended[IOCTL, DRIVER] = ExtendedDecision(0, 0, 0)
    assert check(cache) is GRANTED
    server.change()
    assert check(cache) == DENIED


BITS = st.integers(0, 7)


@settings(max_examples=100, deadline=None)
@given(BITS, BITS, BITS, st.builds(ExtendedDecision, BITS, BITS, BITS), st.booleans(), st.integers(0, 2))
def test_the_verdict_is_that_of_the_formulas(
    allowed: int, auditallow: int, auditdeny: int, decision: ExtendedDecision, enforcing: bool, number: int
) -> None:
    server = server_with(allowed, auditallow, auditdeny, decision, enforcing)
    verdict = check(AccessVectorCache(server), number=number)
    base, bit = bool(allowed & VECTOR), 1 << number
    denied = not (base and decision.allowed & bit)
    if denied:
        audited = bool(auditdeny & VECTOR) and not decision.dontaudit & bit
    else:
        audited = bool(auditallow & VECTOR) and bool(decision.auditallow & bit)
    assert verdict.granted == (not denied or not enforcing)
    assert bool(verdict.denied) == denied
    assert bool(verdict.audited) == audited
