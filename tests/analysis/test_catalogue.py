"""Catalogues, made and kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.everything import catalogue, compiled, read

from selbox.analysis import ComponentQuery
from selbox.analysis.catalogue import Assertion, Catalogue
from selbox.analysis.rulequery import RuleQuery
from selbox.model.policy import Policy
from selbox.model.symbols import Role


@pytest.mark.parametrize("policy", [read(), compiled()], ids=["binary", "sources"])
def test_what_is_kept_is_read_as_it_was(policy: Policy) -> None:
    assertion = Assertion("neverallow", "a", "self", 1, 1 << 70, 0, 3, 0, "a.cil:1:1")
    made = Catalogue.of(policy, 33, (assertion,))
    assert Catalogue.read(made.kept()) == made


def test_a_policy_holds_the_same_read_from_a_binary_and_compiled() -> None:
    of_binary, of_source = Catalogue.of(read(), 33), Catalogue.of(compiled())
    assert sorted(RuleQuery().lines(of_binary)) == sorted(RuleQuery().lines(of_source))
    differing = {name for name in of_binary.facts if of_binary.facts[name] != of_source.facts[name]}
    assert differing == {"version"}


@given(st.integers(min_value=0), st.integers(0, 255))
def test_whatever_is_broken_is_refused(place: int, value: int) -> None:
    kept = bytearray(Catalogue.of(read(), 33).kept())
    place %= len(kept)
    if kept[place] == value:
        value ^= 1
    kept[place] = value
    with pytest.raises(ValueError, match="broken"):
        Catalogue.read(bytes(kept))


def test_what_is_cut_off_is_refused() -> None:
    kept = Catalogue.of(read(), 33).kept()
    for length in (0, 3, 4, len(kept) - 1):
        with pytest.raises(ValueError, match="broken"):
            Catalogue.read(kept[:length])


def test_statements_that_become_one_rule_are_one_with_the_places_of_all() -> None:
    found = catalogue(
        "(allow httpd_t etc_t (dir (getattr)))",
        "(allow httpd_t etc_t (dir (setattr getattr)))\n(allow httpd_t etc_t (dir (lock)))",
    )
    rules = [each for each in RuleQuery().results(found) if each.text.startswith("allow httpd_t etc_t:dir")]
    assert [(each.permissions, each.places) for each in rules] == [
        (("getattr", "setattr", "lock"), ("more1.cil:1:1", "more2.cil:1:1", "more2.cil:2:1"))
    ]


def test_a_number_that_no_role_has_is_no_role() -> None:
    policy = compiled()
    holed = policy._replace(roles=(*policy.roles, Role("@role0099", 0)))  # as the reader fills a gap of checkpolicy's
    assert Catalogue.of(holed).facts["roles"] == len(policy.roles)
    assert [each.name for each in ComponentQuery("role").results(holed)] == sorted(each.name for each in policy.roles)
