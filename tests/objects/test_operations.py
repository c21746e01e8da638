from selbox.enforce.launch import transaction_range
from selbox.enforce.seccomp.filter import PARTS, build_filter
from selbox.enforce.seccomp.part import FilterSettings
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.objects.operations import OPERATIONS, Support
from selbox.store.policyfiles import load_policy

SETTINGS = FilterSettings(transaction_range())


def calls_of(*supports: Support) -> set[str]:
    return {call for each in OPERATIONS if each.support in supports for call in each.calls}


def test_every_notified_call_has_a_row_and_every_row_a_call_that_the_filter_names() -> None:
    notified = {name for part in PARTS for name in part.handled(SETTINGS)}
    assert calls_of(Support.ENFORCED, Support.LIMITED, Support.RECORDED, Support.NOT_MEDIATED) == notified


def test_every_refused_call_has_a_row() -> None:
    assert calls_of(Support.REFUSED) == {name for part in PARTS for names in part.refused.values() for name in names}


def test_no_call_stands_in_two_parts() -> None:
    calls = [name for part in PARTS for name in part.handled(SETTINGS)]
    calls += [name for part in PARTS for names in part.refused.values() for name in names]
    assert len(calls) == len(set(calls))


def test_the_filter_names_every_call_that_has_a_number() -> None:
    assert calls_of(*Support) == set(NUMBERS)
    for spared in (frozenset[str](), frozenset({"fork", "vfork"})):
        assert len(build_filter(SETTINGS._replace(spared=spared))) % 8 == 0


def test_classes_and_permissions_are_those_of_the_kernel() -> None:
    policy = load_policy([])
    for each in OPERATIONS:
        known: set[str] = set()
        for name in each.object_class.split():
            known |= set(policy.classes[policy.class_ids[name]].permissions)
        assert set(each.permissions) <= known, each.name
