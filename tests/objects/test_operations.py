from selbox.enforce.launch import transaction_range
from selbox.enforce.seccomp import filter as seccomp_filter
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.objects.operations import OPERATIONS, Support
from selbox.store.policyfiles import load_policy

CONDITIONAL = {"read", "write", "pread64", "clone", "prctl", "prlimit64", "setrlimit", "getrlimit"}
CONDITIONAL |= {"socket", "socketpair", "getsockopt", "access", "faccessat", "faccessat2"}
"""Calls that the filter notifies for some arguments only."""


def calls_of(*supports: Support) -> set[str]:
    return {call for each in OPERATIONS if each.support in supports for call in each.calls}


def test_every_notified_call_has_a_row_and_every_row_a_call_that_the_filter_names() -> None:
    notified = {*seccomp_filter.NOTIFIED, *seccomp_filter.FORKS} | CONDITIONAL
    assert calls_of(Support.ENFORCED, Support.LIMITED, Support.RECORDED, Support.NOT_MEDIATED) == notified


def test_every_refused_call_has_a_row() -> None:
    assert calls_of(Support.REFUSED) == {name for names in seccomp_filter.REFUSED.values() for name in names}


def test_the_filter_names_every_call_that_has_a_number() -> None:
    assert calls_of(*Support) == set(NUMBERS)
    for notify_forks in (False, True):
        assert len(seccomp_filter.build_filter(transaction_range(), notify_forks=notify_forks)) % 8 == 0


def test_classes_and_permissions_are_those_of_the_kernel() -> None:
    policy = load_policy([])
    for each in OPERATIONS:
        known: set[str] = set()
        for name in each.object_class.split():
            known |= set(policy.classes[policy.class_ids[name]].permissions)
        assert set(each.permissions) <= known, each.name
