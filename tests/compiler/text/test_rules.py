"""Rules as text: what is written does not depend on how the rules are held, and is sorted as strings are."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.compiler.policies import compile_with_base
from tests.server.random_policies import policies
from tests.strength import tries

from selbox.binary.kernel import read_policy, write_policy
from selbox.compiler.compile import compile_policy
from selbox.compiler.text import rules as rule_lines
from selbox.compiler.text.cilsyntax import CIL
from selbox.compiler.text.languagesyntax import LANGUAGE
from selbox.compiler.text.rulecolumns import merged_columns
from selbox.compiler.text.rules import rule_texts
from selbox.compiler.text.syntax import Syntax
from selbox.diagnostics import SourceFile
from selbox.language.cil import parse
from selbox.model.policy import Policy
from selbox.model.rules import KeyedRules, RuleKind, Rules


def texts(policy: Policy, syntax: Syntax = CIL) -> dict[int, str]:
    found = rule_texts(policy, syntax, "  ")
    return {0: "".join(found.always), **found.conditional}


@settings(max_examples=tries(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(policies(), st.sampled_from([CIL, LANGUAGE]), st.randoms())
def test_the_order_of_the_rules_and_what_is_known_of_them_do_not_matter(
    cil: str, syntax: Syntax, randomness: Random
) -> None:
    binary = write_policy(compile_policy([parse(SourceFile("policy.cil", cil))]))
    policy = read_policy(binary, "policy")
    assert isinstance(policy.rules, KeyedRules)
    rows = list(range(len(policy.rules)))
    randomness.shuffle(rows)
    assert texts(policy._replace(rules=policy.rules.select(rows)), syntax) == texts(policy, syntax)


def test_lines_are_sorted_as_text_with_self_in_its_place() -> None:
    policy = compile_with_base(
        """
        (type a_b) (type t) (type z)
        (allow a z (file (read))) (allow a a (file (read))) (allow a t (file (write))) (allow a t (dir (search)))
        (allow a_b t (file (read))) (dontaudit a t (file (open))) (typetransition a t process z)
        """
    )
    lines = [
        line
        for line in texts(policy)[0].splitlines()
        if line.startswith(("(allow a ", "(allow a_b ", "(dont", "(typet"))
    ]
    assert lines == [
        "(allow a domain (process (transition fork sigkill dyntransition)))",
        "(allow a self (file (read)))",
        "(allow a t (dir (search)))",
        "(allow a t (file (write)))",
        "(allow a z (file (read)))",
        "(allow a_b t (file (read)))",
        "(dontaudit a t (file (open)))",
        "(typetransition a t process z)",
    ]


def test_conditional_access_rules_are_as_many_as_there_are() -> None:
    policy = compile_with_base("")
    a, b, file = policy.type_ids["a"], policy.type_ids["b"], policy.class_ids["file"]
    rules = Rules()
    for kind, data in ((RuleKind.ALLOW, 1), (RuleKind.ALLOW, 2), (RuleKind.ALLOW, 1), (RuleKind.TYPE_CHANGE, a)):
        rules.append(kind, a, b, file, data, condition=1)
    rules.append(RuleKind.TYPE_CHANGE, a, b, file, a, condition=1)
    assert texts(policy._replace(rules=rules))[1].splitlines() == [
        "  (allow a b (file (ioctl)))",
        "  (allow a b (file (ioctl)))",
        "  (allow a b (file (read)))",
        "  (typechange a b file a)",
    ]


def test_rules_of_one_key_are_one_and_those_that_say_nothing_none() -> None:
    policy = compile_with_base("")
    rules = Rules()
    a, b, file = policy.type_ids["a"], policy.type_ids["b"], policy.class_ids["file"]
    rules.append(RuleKind.ALLOW, a, b, file, 1)
    rules.append(RuleKind.ALLOW, b, a, file, 1 << 31)  # a bit of no permission
    rules.append(RuleKind.ALLOW, a, b, file, 2)
    assert texts(policy._replace(rules=rules)) == {0: "(allow a b (file (ioctl read)))\n"}
    assert merged_columns(rules).content.tolist() == [1 << 48 | file << 32 | 3, 1 << 48 | file << 32 | 1 << 31, 0]


@settings(max_examples=tries(30), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(policies(), st.sampled_from([CIL, LANGUAGE]))
def test_lines_whose_numbers_are_no_floating_point_numbers_are_the_same(cil: str, syntax: Syntax) -> None:
    policy = compile_policy([parse(SourceFile("policy.cil", cil))])
    expected = texts(policy, syntax)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rule_lines, "_MOST_IN_FLOATS", 0)
        assert texts(policy, syntax) == expected


def test_lines_are_the_same_in_however_many_parts() -> None:
    policy = compile_with_base("(type t) (allow a t (file (read))) (allow b t (dir (search)))")
    expected = texts(policy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rule_lines, "_MANY", 1)
        assert texts(policy) == expected


def test_self_is_written_where_a_type_is_its_own_target_of_access_rules_alone() -> None:
    policy = compile_with_base("(typeattribute own) (typeattributeset own (a)) (allow own own (file (read)))")
    rules = Rules()
    own, a, file = policy.type_ids["own"], policy.type_ids["a"], policy.class_ids["file"]
    rules.append(RuleKind.ALLOW, own, own, file, 1)
    rules.append(RuleKind.ALLOW, a, a, file, 1)
    rules.append(RuleKind.TYPE_TRANSITION, a, a, file, a)
    assert texts(policy._replace(rules=rules))[0].splitlines() == [
        "(allow a self (file (ioctl)))",
        "(allow own own (file (ioctl)))",
        "(typetransition a a file a)",
    ]
