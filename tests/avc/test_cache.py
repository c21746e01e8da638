"""The cache's semantics, worked by hand along the kernel's ``avc_has_perm``."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from tests.avc.scriptedserver import ScriptedServer

from selbox.avc.cache import GRANTED, RECLAIMED_AT_ONCE, AccessVectorCache, Verdict
from selbox.server.decision import PERMISSIVE_FLAG

ALL = 0xFFFFFFFF


def test_a_granted_check_is_the_shared_verdict_and_asks_once() -> None:
    server = ScriptedServer(allowed=0b111)
    cache = AccessVectorCache(server)
    assert all(cache.check(1, 2, 0, requested) is GRANTED for requested in (0b1, 0b10, 0b111))
    assert server.asked == 1


@pytest.mark.parametrize(
    ("server", "requested", "first", "second"),
    [
        # enforcing: a denial is denied and recorded each time, for the permissions denied
        (ScriptedServer(allowed=1), 0b11, Verdict(False, 0b10, 0b10, False), Verdict(False, 0b10, 0b10, False)),
        # dontaudit is silent
        (ScriptedServer(auditdeny=ALL & ~1), 1, Verdict(False, 1, 0, False), Verdict(False, 1, 0, False)),
        (ScriptedServer(auditdeny=ALL & ~1), 3, Verdict(False, 3, 2, False), Verdict(False, 3, 2, False)),
        # auditallow records what is granted, each time, but not beside a denial
        (ScriptedServer(allowed=3, auditallow=1), 3, Verdict(True, 0, 1, False), Verdict(True, 0, 1, False)),
        (ScriptedServer(allowed=1, auditallow=1), 3, Verdict(False, 2, 2, False), Verdict(False, 2, 2, False)),
        # permissive: goes on, recorded once
        (ScriptedServer(allowed=1, enforcing=False), 3, Verdict(True, 2, 2, True), GRANTED),
        (ScriptedServer(flags=PERMISSIVE_FLAG), 2, Verdict(True, 2, 2, True), GRANTED),
        (ScriptedServer(auditdeny=0, enforcing=False), 2, Verdict(True, 2, 0, True), GRANTED),
        # once granted, auditallow applies to it
        (ScriptedServer(auditallow=2, enforcing=False), 2, Verdict(True, 2, 2, True), Verdict(True, 0, 2, False)),
        # an empty request is no question
        (ScriptedServer(allowed=ALL), 0, Verdict(False, 0, 0, False), Verdict(False, 0, 0, False)),
    ],
)
def test_verdicts(server: ScriptedServer, requested: int, first: Verdict, second: Verdict) -> None:
    cache = AccessVectorCache(server)
    assert cache.check(1, 2, 0, requested) == first
    assert cache.check(1, 2, 0, requested) == second
    assert server.asked == 1


def test_kept_denials_end_with_enforcing_and_are_bounded() -> None:
    server = ScriptedServer(allowed=0)
    cache = AccessVectorCache(server)
    for _ in range(2):
        assert [cache.check(1, 2, 0, requested) for requested in range(1, 40)] == [
            Verdict(False, requested, requested, False) for requested in range(1, 40)
        ]
    server.enforcing = False
    server.change()
    assert cache.check(1, 2, 0, 5) == Verdict(True, 5, 5, True)
    assert cache.check(1, 2, 0, 5) is GRANTED
    server.enforcing = True
    server.change()
    assert cache.check(1, 2, 0, 5) == Verdict(False, 5, 5, False)


def test_what_permissive_mode_granted_is_forgotten_by_a_change() -> None:
    server = ScriptedServer(enforcing=False)
    cache = AccessVectorCache(server)
    assert cache.check(1, 2, 0, 1).denied == 1
    assert cache.check(1, 2, 0, 1) is GRANTED
    assert cache.compute_access(1, 2, 0).allowed == 1
    server.change()
    assert cache.compute_access(1, 2, 0).allowed == 0
    server.enforcing = True
    assert cache.check(1, 2, 0, 1) == Verdict(False, 1, 1, False)


def test_a_grant_is_revoked_at_once() -> None:
    server = ScriptedServer(allowed=1)
    cache = AccessVectorCache(server)
    assert cache.check(1, 2, 0, 1).granted
    server.change(allowed=0)
    assert not cache.check(1, 2, 0, 1).granted


def test_a_decision_overtaken_by_a_change_is_not_kept() -> None:
    server = ScriptedServer(allowed=1)
    cache = AccessVectorCache(server)
    server.on_compute = server.change
    assert cache.check(1, 2, 0, 1) is GRANTED
    assert len(cache) == 0


def test_the_oldest_nodes_make_room() -> None:
    server = ScriptedServer(allowed=1)
    cache = AccessVectorCache(server, size=32)
    for target in range(33):
        cache.check(1, target, 0, 1)
    assert len(cache) == 33 - RECLAIMED_AT_ONCE
    cache.check(1, 32, 0, 1)
    assert server.asked == 33
    cache.check(1, 0, 0, 1)
    assert server.asked == 34


def test_statistics_count_as_the_kernels_do() -> None:
    server = ScriptedServer(allowed=1)
    cache = AccessVectorCache(server, size=16)
    for target in range(17):
        cache.check(1, target, 0, 1)
    cache.check(1, 16, 0, 1)
    assert cache.statistics == (18, 1, 17, 17, 16, 16)
    server.change()
    assert cache.statistics == (18, 1, 17, 17, 16, 17)
    assert len(cache) == 0


@given(st.integers(0, 15), st.integers(0, 15), st.integers(1, 15), st.booleans())
def test_permissive_never_denies_and_enforcing_grants_only_what_is_allowed(
    allowed: int, auditdeny: int, requested: int, enforcing: bool
) -> None:
    cache = AccessVectorCache(ScriptedServer(allowed, 0, auditdeny, 0, enforcing))
    verdict = cache.check(1, 2, 0, requested)
    assert verdict.granted == (not enforcing or requested & ~allowed == 0)
    assert verdict.denied == requested & ~allowed
    assert verdict.audited == verdict.denied & auditdeny


class CacheAgainstModel(RuleBasedStateMachine):
    """Whatever the order of checks and changes, the cache says what the rules of the kernel's cache say."""

    def __init__(self) -> None:
        super().__init__()
        self.server = ScriptedServer()
        self.cache = AccessVectorCache(self.server, size=2)
        self.let_pass: dict[int, int] = {}

    @rule(target_sid=st.integers(1, 2), requested=st.integers(1, 7))
    def check(self, target_sid: int, requested: int) -> None:
        decision = self.server.decision
        allowed = decision.allowed | self.let_pass.get(target_sid, 0)
        denied = requested & ~allowed
        is_permissive = not self.server.enforcing or bool(decision.flags & PERMISSIVE_FLAG)
        audited = denied & decision.auditdeny if denied else requested & decision.auditallow
        expected = Verdict(not denied or is_permissive, denied, audited, bool(denied) and is_permissive)
        assert self.cache.check(1, target_sid, 0, requested) == expected
        if denied and is_permissive:
            self.let_pass[target_sid] = self.let_pass.get(target_sid, 0) | requested

    @rule(
        allowed=st.integers(0, 7),
        auditallow=st.integers(0, 7),
        auditdeny=st.integers(0, 7),
        flags=st.integers(0, 1),
        enforcing=st.booleans(),
    )
    def change(self, allowed: int, auditallow: int, auditdeny: int, flags: int, enforcing: bool) -> None:
        self.server.enforcing = enforcing
        self.server.change(allowed=allowed, auditallow=auditallow, auditdeny=auditdeny, flags=flags)
        self.let_pass.clear()


TestCacheAgainstModel = CacheAgainstModel.TestCase


def test_threads_may_check_while_the_policy_changes() -> None:
    server = ScriptedServer(allowed=1)
    cache = AccessVectorCache(server, size=8)

    def work(number: int) -> bool:
        for step in range(2000):
            if number == 0 and step % 50 == 0:
                server.change()
            if not cache.check(number, step % 20, 0, 1).granted:
                return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))
    assert len(cache) <= 8
