"""What deny rules leave: every allowed access but those denied, counted one by one."""

from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.compiler.policies import codes_with_base, compile_with_base
from tests.strength import tries

from selbox.model.bitset import members
from selbox.model.policy import Policy
from selbox.model.rules import RuleKind

SETS = {"a": "a", "b": "b", "c": "c", "ab": "a b", "bcd": "b c d", "abcd": "a b c d", "none": ""}
SETS |= {f"at{index}": names for index, names in enumerate(["a b", "b c", "c d", "a b c", "b c d", "a"])}
DECLARED = "".join(
    f"(typeattribute at{index})(typeattributeset at{index} ({names}))"
    for index, names in enumerate(["a b", "b c", "c d", "a b c", "b c d", "a"])
)
NAMES = ["a", "b", "c", "d", "at0", "at1", "at2", "at3", "at4", "at5", "none"]
TARGETS = [*NAMES, "self", "notself", "other"]
ALL = ["kernel_t", "a", "b", "c", "d"]

Access = tuple[str, str, str]


def types_of(name: str) -> list[str]:
    return SETS.get(name, name).split()


def accesses(source: str, target: str, permissions: list[str]) -> set[Access]:
    """Return what a rule is about, by the words of the reference guide."""
    found = set()
    for each, permission in product(types_of(source), permissions):
        targets = {
            "self": [each],
            "notself": [one for one in ALL if one != each],
            "other": [one for one in types_of(source) if one != each],
        }.get(target, types_of(target) if target not in ("self", "notself", "other") else [])
        found |= {(each, one, permission) for one in targets}
    return found


def granted(policy: Policy) -> set[Access]:
    socket = policy.class_ids["socket"]
    found = set()
    for rule in policy.rules:
        if rule.kind is RuleKind.ALLOW and rule.object_class == socket:
            for source in members(policy.types[rule.source].types):
                for target in members(policy.types[rule.target].types):
                    for name in policy.classes[socket].names(rule.data):
                        found.add((policy.types[source].name, policy.types[target].name, name))
    return found


permission_lists = st.sampled_from([["connect"], ["listen"], ["connect", "listen"]])
statements = st.tuples(st.sampled_from(NAMES), st.sampled_from(TARGETS), permission_lists)


def text(keyword: str, source: str, target: str, permissions: list[str]) -> str:
    return f"({keyword} {source} {target} (socket ({' '.join(permissions)})))"


@settings(max_examples=tries(200), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(statements, min_size=1, max_size=3), st.lists(statements, min_size=1, max_size=3))
def test_what_is_denied_is_not_allowed_and_all_else_is(
    allowed: list[tuple[str, str, list[str]]], denied: list[tuple[str, str, list[str]]]
) -> None:
    rules = [text("allow", *each) for each in allowed] + [text("deny", *each) for each in denied]
    policy = compile_with_base("(typeattribute none)" + DECLARED + "".join(rules))
    expected = set().union(*(accesses(*each) for each in allowed)) - set().union(*(accesses(*each) for each in denied))
    assert granted(policy) == expected


def test_conditional_rules_lose_permissions_too_and_stay_conditional() -> None:
    policy = compile_with_base(
        "(boolean on true) (booleanif on (true (allow a at0 (socket (connect listen))))) (deny a b (socket (listen)))"
        "(typeattribute at0)(typeattributeset at0 (a b))"
    )
    socket = policy.class_ids["socket"]
    rows = {
        (policy.types[rule.target].name, rule.data, rule.condition)
        for rule in policy.rules
        if rule.object_class == socket
    }
    assert rows == {("at0", 1, 1), ("a", 2, 1)}


def test_class_maps_and_permission_sets() -> None:
    policy = compile_with_base(
        "(classmap things (use)) (classmapping things use (socket (connect listen))) "
        "(classmapping things use (dir (search))) (classpermission cp) (classpermissionset cp (socket (listen)))"
        "(allow a b (things (use))) (deny a b cp) (deny a b (dir (all)))"
    )
    assert granted(policy) == {("a", "b", "connect")}
    assert not any(rule.object_class == policy.class_ids["dir"] for rule in policy.rules)


def test_new_attributes_stand_behind_what_they_are_made_of() -> None:
    policy = compile_with_base(
        "(typeattribute many)(typeattributeset many (a b c)) (type last) "
        "(allow many c (socket (listen))) (deny a c (socket (listen)))"
    )
    names = [each.name for each in policy.types]
    made = next(name for name in names if name.startswith("deny_rule_attr_"))
    assert names.index(made) == names.index("last") - 1
    assert [policy.types[each].name for each in members(policy.types[names.index(made)].types)] == ["b", "c"]


def test_an_assertion_sees_what_is_left() -> None:
    assertion = "(neverallow a c (socket (listen)))"
    assert codes_with_base(f"(allow a c (socket (listen))) {assertion}") == ["cil-neverallow"]
    assert codes_with_base(f"(allow a c (socket (listen))) (deny a c (socket (listen))) {assertion}") == []


@pytest.mark.parametrize("word", ["notself", "other"])
def test_a_type_of_such_a_name_is_that_type(word: str) -> None:
    policy = compile_with_base(f"(type {word}) (allow a {word} (socket (listen)))")
    assert granted(policy) == {("a", word, "listen")}


@pytest.mark.parametrize(
    ("assertion", "codes"),
    [
        ("(neverallow at0 notself (socket (listen)))", ["cil-neverallow"]),
        ("(neverallow at0 other (socket (listen)))", []),
        ("(neverallow at1 other (socket (listen)))", ["cil-neverallow"]),
        ("(neverallow at2 self (socket (listen)))", ["cil-neverallow"]),
        ("(neverallow b self (socket (listen)))", []),
    ],
)
def test_assertions_about_others(assertion: str, codes: list[str]) -> None:
    rules = "(allow b c (socket (listen))) (allow d d (socket (listen)))"
    assert codes_with_base(DECLARED + rules + assertion) == codes
