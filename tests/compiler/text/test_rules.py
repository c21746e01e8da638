"""Rules as text: what is written does not depend on how the rules are held, and is sorted as strings are."""

from array import array
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.compiler.policies import compile_with_base
from tests.server.random_policies import policies

from selbox.binary.kernel import read_policy, write_policy
from selbox.compiler.compile import compile_policy
from selbox.compiler.text.cilsyntax import CIL
from selbox.compiler.text.languagesyntax import LANGUAGE
from selbox.compiler.text.rulecolumns import KeyedColumns, apart, merged_contents
from selbox.compiler.text.rules import rule_texts
from selbox.compiler.text.syntax import Syntax
from selbox.diagnostics import SourceFile
from selbox.language.cil import parse
from selbox.model.policy import Policy
from selbox.model.rules import KeyedRules, RuleKind, Rules


def texts(policy: Policy, syntax: Syntax = CIL) -> dict[int, str]:
    return {condition: "".join(pieces) for condition, pieces in rule_texts(policy, syntax, "  ").items()}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
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


def test_rules_of_one_key_are_one_and_those_that_say_nothing_none() -> None:
    policy = compile_with_base("")
    rules = Rules()
    a, b, file = policy.type_ids["a"], policy.type_ids["b"], policy.class_ids["file"]
    rules.append(RuleKind.ALLOW, a, b, file, 1)
    rules.append(RuleKind.ALLOW, b, a, file, 1 << 31)  # a bit of no permission
    rules.append(RuleKind.ALLOW, a, b, file, 2)
    assert texts(policy._replace(rules=rules)) == {0: "(allow a b (file (ioctl read)))\n"}
    assert merged_contents(rules)[0][a] == {int(RuleKind.ALLOW) << 48 | file << 32 | b: 1 << 48 | file << 32 | 3}


@given(st.lists(st.tuples(st.integers(0, 0x7FFFFFFF), st.integers(0, 3))))
def test_own_rows_are_those_whose_target_is_their_source(pairs: list[tuple[int, int]]) -> None:
    rules = KeyedRules()
    for source, difference in pairs:
        rules.append(RuleKind.ALLOW, source, source ^ difference, 0, 1)
    rules.keyed = len(pairs)
    assert list(KeyedColumns(rules).own_rows()) == [row for row, (_, difference) in enumerate(pairs) if not difference]


@pytest.mark.parametrize("size", [29, 32, 33, 64])
def test_numbers_are_taken_apart(size: int) -> None:
    numbers = [0, 1, (1 << size) - 1, 0x12345678 & (1 << size) - 1]
    low, high = apart(numbers, size, [(0, 7), (7, size - 7)])
    assert low.tolist() == [number & 127 for number in numbers]
    assert high.tolist() == [number >> 7 for number in numbers]
    assert apart([], size, [(0, 7)]) == [array(low.typecode)]
