"""What can be done under one policy alone: rules are half of it."""

import pytest
from tests.compiler.policies import BASE, compile_texts

from selbox.analysis.catalogue import Catalogue
from selbox.analysis.differences.grants import Grant, GrantDifferences, grant_differences
from selbox.analysis.differences.side import Side

COMMON = "(type web)(type page)(type other)(roletype system_r web)(roletype object_r page)(boolean on false)"


def compared(left: str, right: str, base: str = BASE) -> GrantDifferences:
    policies = [compile_texts(base, COMMON, each) for each in (left, right)]
    return grant_differences(*(Side(each, Catalogue.of(each)) for each in policies))


def read(*sources: str, targets: tuple[str, ...] = ("page",)) -> Grant:
    return Grant(sources, targets, "file", ("read",))


RULE = "(allow web page (file (read)))"
LIMIT = "(constrain (file (read)) (eq t1 other))"


@pytest.mark.parametrize(
    ("left", "right", "gained", "lost"),
    [
        (RULE, RULE, (), ()),
        ("", RULE, (read("web"),), ()),
        (RULE, "", (), (read("web"),)),
        # The same by another way.
        (RULE, "(typeattribute pages)(typeattributeset pages page)(allow web pages (file (read)))", (), ()),
        # A rule that a constraint makes nothing of grants nothing.
        (LIMIT, RULE + LIMIT, (), ()),
        # Booleans count as they are at first.
        ("", f"(booleanif on (true {RULE}))", (), ()),
        ("", f"(booleanif on (false {RULE}))", (read("web"),), ()),
        # The same may be done to several types, and by several.
        ("", f"{RULE}(allow other page (file (read)))", (read("other", "web"),), ()),
        ("", f"{RULE}(allow web other (file (read)))", (read("web", targets=("other", "page")),), ()),
    ],
)
def test_rules_are_half_of_it(left: str, right: str, gained: tuple[Grant, ...], lost: tuple[Grant, ...]) -> None:
    found = compared(left, right)
    assert (found.gained, found.lost) == (gained, lost)


def test_a_constraint_takes_away_what_rules_grant() -> None:
    found = compared(RULE, RULE + LIMIT)
    assert found.gained == ()
    assert read("web") in found.lost
    assert {each.permissions for each in found.lost} == {("read",)}


def test_a_member_more_of_an_attribute_that_a_constraint_names_gains_access() -> None:
    limit = "(typeattribute readers)(typeattributeset readers {})(constrain (file (read)) (eq t1 readers))"
    found = compared(f"{RULE}{limit.format('other')}", f"{RULE}{limit.format('(other web)')}")
    assert found.gained == (read("web"),)
    assert found.lost == ()


def test_types_and_classes_of_one_policy_alone_are_compared_with_nothing() -> None:
    found = compared("", "(type fresh)(allow fresh page (file (read)))(allow web fresh (file (read)))")
    assert found.gained == (read("fresh"), read("web", targets=("fresh",)))
    assert found.lost == ()


def test_permissions_are_compared_by_name() -> None:
    other = BASE.replace("(ioctl read write create getattr setattr)", "(getattr read setattr write ioctl create)")
    left = compile_texts(BASE, COMMON, RULE)
    right = compile_texts(other, COMMON, RULE)
    found = grant_differences(*(Side(each, Catalogue.of(each)) for each in (left, right)))
    assert not found


def test_transitions_and_permissive_domains_are_told() -> None:
    enter = (
        "(type web_exec)(allow a web (process (transition)))(allow a web_exec (file (execute)))"
        "(allow web web_exec (file (entrypoint)))(typetransition a web_exec process web)"
    )
    found = compared("(typepermissive other)", f"(typepermissive web){enter}")
    assert found.transitions_gained == (("a", "web"),)
    assert found.transitions_lost == ()
    assert (found.permissive, found.enforced) == (("web",), ("other",))
    assert compared(enter, "(type web_exec)").transitions_lost == (("a", "web"),)
