"""Queries over rules; their answers about whole policies are compared with SETools in tests/cli and tests/debian."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.everything import catalogue, read

from selbox.analysis import (
    BooleanCriterion,
    Catalogue,
    ClassCriterion,
    ExtendedPermissionCriterion,
    NameCriterion,
    PermissionCriterion,
    RangeTransitionQuery,
    RoleRuleQuery,
    RuleQuery,
)
from selbox.analysis.ruletext import number_ranges
from selbox.diagnostics import SelboxError

HOW = st.sampled_from(["any", "equal", "subset"])
NAMES = st.sampled_from(["httpd_t", "init_t", "domain", "web_domain", "nobody", "etc_t", "file_type", "shadow_t"])
PATTERNS = st.sampled_from(["^httpd", "_t$", "type", "."])


def names() -> st.SearchStrategy[NameCriterion]:
    plain = st.builds(NameCriterion, NAMES, st.just(False), st.booleans())
    return plain | st.builds(NameCriterion, PATTERNS, st.just(True), st.booleans())


@given(st.none() | names(), st.none() | names(), st.none() | HOW)
def test_values_and_lines_are_the_same_rules(
    source: NameCriterion | None, target: NameCriterion | None, how: str | None
) -> None:
    permissions = None if how is None else PermissionCriterion(("read", "getattr"), how)  # type: ignore[arg-type]
    query = RuleQuery(source=source, target=target, permissions=permissions)
    found = Catalogue.of(read(), 33)
    assert [each.text for each in query.results(found)] == query.lines(found)


@given(names(), names())
def test_what_matches_both_sides_matches_each(source: NameCriterion, target: NameCriterion) -> None:
    found = Catalogue.of(read(), 33)
    both = set(RuleQuery(source=source, target=target).lines(found))
    assert both == set(RuleQuery(source=source).lines(found)) & set(RuleQuery(target=target).lines(found))


def test_a_found_rule_has_its_parts() -> None:
    found = Catalogue.of(read(), 33)
    (rule,) = RuleQuery(("allow",), booleans=BooleanCriterion(("can_shadow",), how="equal")).results(found)
    assert rule._asdict() == {
        "kind": "allow",
        "source": "httpd_t",
        "target": "shadow_t",
        "object_class": "file",
        "permissions": ("read", "open"),
        "numbers": (),
        "default": None,
        "name": None,
        "condition": "can_shadow",
        "branch": True,
        "places": (),
        "text": "allow httpd_t shadow_t:file { open read }; [ can_shadow ]:True",
    }
    (named,) = (each for each in RuleQuery(("type_transition",)).results(found) if each.name == "two words")
    assert (named.default, named.object_class, named.text.split()[-2:]) == ("httpd_tmp_t", "file", ["two", "words;"])


def test_extended_rules_have_ranges_of_numbers() -> None:
    found = Catalogue.of(read(), 33)
    query = RuleQuery(("allowxperm",), extended=ExtendedPermissionCriterion(((0x5410, 0x5410),)))
    assert [each.numbers for each in query.results(found)] == [((0x5401, 0x5405), (0x5410, 0x5410))]


@given(st.integers(0, (1 << 256) - 1), st.integers(0, 255))
def test_ranges_are_the_numbers(permissions: int, driver: int) -> None:
    listed = [each for low, high in number_ranges(1, driver, permissions) for each in range(low, high + 1)]
    assert listed == [driver << 8 | bit for bit in range(256) if permissions >> bit & 1]


def test_assertions_are_found_in_sources() -> None:
    found = catalogue(
        "(neverallow web_domain shadow_t (file (write append)))\n(neverallow domain self (process (dyntransition)))",
        "(permissionx px (ioctl file ((range 0x10 0x20) 0x8000)))\n(neverallowx web_domain file_type px)",
    )
    query = RuleQuery(("neverallow", "neverallowxperm"))
    assert {each.text: each.places for each in query.results(found)} == {
        "neverallow web_domain shadow_t:file { append write };": ("more1.cil:1:1",),
        "neverallow domain self:process dyntransition;": ("more1.cil:2:1",),
        "neverallowxperm web_domain file_type:file ioctl { 0x0010-0x0020 0x8000 };": ("more2.cil:2:1",),
    }

    def count(**criteria: object) -> int:
        return len(query._replace(**criteria).lines(found))  # type: ignore[arg-type]

    assert count(source=NameCriterion("httpd_t")) == 3
    assert count(source=NameCriterion("httpd_t", indirect=False)) == 0
    assert count(source=NameCriterion("web_domain", indirect=False)) == 2
    assert count(source=NameCriterion("^web", is_pattern=True, indirect=False)) == 2
    assert count(target=NameCriterion("init_t")) == 1
    assert count(target=NameCriterion("etc_t")) == 1
    assert count(classes=ClassCriterion(("process",))) == 1
    assert count(permissions=PermissionCriterion(("append",))) == 1
    assert count(permissions=PermissionCriterion(("append",), "equal")) == 0
    assert count(extended=ExtendedPermissionCriterion(((0x8000, 0x8000),))) == 1
    assert count(extended=ExtendedPermissionCriterion(((0x8001, 0x8001),))) == 0
    assert count(default=NameCriterion("etc_t")) == 0


@pytest.mark.parametrize(
    ("query", "code", "help_text"),
    [
        (RuleQuery(source=NameCriterion("httd_t")), "unknown-type", "httpd_t"),
        (RuleQuery(target=NameCriterion("web_domian")), "unknown-type", "web_domain"),
        (RuleQuery(classes=ClassCriterion(("flie",))), "unknown-class", "file"),
        (RuleQuery(permissions=PermissionCriterion(("raed",))), "unknown-permission", "read"),
        (RuleQuery(booleans=BooleanCriterion(("can_shadwo",))), "unknown-boolean", "can_shadow"),
        (RoleRuleQuery(source=NameCriterion("sytem_r")), "unknown-role", "system_r"),
        (RoleRuleQuery(target=NameCriterion("no_such")), "unknown-type", ""),
        (RuleQuery(source=NameCriterion("a(b", is_pattern=True)), "invalid-pattern", ""),
        (RoleRuleQuery(source=NameCriterion("*", is_pattern=True)), "invalid-pattern", ""),
        (RuleQuery(extended=ExtendedPermissionCriterion(((0, 0x10000),))), "invalid-number", ""),
        (RangeTransitionQuery(default="s9"), "invalid-range", ""),
        (RangeTransitionQuery(default="s0:c9"), "invalid-range", ""),
        (RangeTransitionQuery(default="s1-s0"), "invalid-range", ""),
        (RangeTransitionQuery(default="s0:c3.c1"), "invalid-range", ""),
    ],
)
def test_what_cannot_be_is_said(
    query: RuleQuery | RoleRuleQuery | RangeTransitionQuery, code: str, help_text: str
) -> None:
    with pytest.raises(SelboxError) as raised:
        list(query.results(Catalogue.of(read(), 33)))
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.code == code
    assert help_text in diagnostic.help


def test_the_place_in_a_pattern_is_shown() -> None:
    with pytest.raises(SelboxError) as raised:
        RuleQuery(source=NameCriterion("ab(c", is_pattern=True)).lines(Catalogue.of(read(), 33))
    span = raised.value.diagnostics[0].span
    assert span is not None
    assert (span.source.name, span.column) == ("source", 3)


def test_tables_have_a_row_for_each_rule() -> None:
    found = Catalogue.of(read(), 33)
    table = RuleQuery(("dontaudit",)).table(found)
    assert len(table.rows) == 3
    assert table.records()[0]["target"] == "unused_t"
    assert len(RoleRuleQuery().table(found).rows) == 7
    assert [each["default"] for each in RangeTransitionQuery().table(found).records()][-1] == "s0 - s2:c2.c4"


def test_a_kind_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="`alow` is no kind of rule; these are: allow"):
        list(RuleQuery(kinds=("alow",)).results(catalogue()))
