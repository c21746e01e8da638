"""The texts of binary policies beside those that checkpolicy writes of them.

What differs on purpose, ``tests/oracles/expected_differences.toml`` lists; here both sides are brought to one form.
"""

import re

import pytest
from hypothesis import assume, given, settings
from tests.binary.kernel.binaries import everything
from tests.compiler.policies import BASE
from tests.compiler.text.random_statements import kernel_policies
from tests.compiler.text.test_same_again import quick
from tests.oracles.checkpolicy import CIL, LANGUAGE, decompile, requires_checkpolicy
from tests.oracles.secilc import compile_reference

from selbox.binary.kernel import read_policy
from selbox.compiler.text.cil import policy_to_cil
from selbox.compiler.text.policylanguage import policy_to_language

pytestmark = [pytest.mark.oracle, requires_checkpolicy]

NAMED = re.compile(r'^(\(typetransition \S+ \S+ \S+) "?([^"]+?)"? (\S+\))$')
CONDITIONAL_RULE = re.compile(r"^ +(\((allow|auditallow|dontaudit) |(allow|auditallow|dontaudit) )")


def unified(lines: list[str]) -> set[str]:
    """Return lines without what is known to differ between the two writers."""
    found = set()
    for line in lines:
        if line.startswith(("# left", "(expandtypeattribute ", "(userrole none_u ")) or CONDITIONAL_RULE.match(line):
            continue
        line = NAMED.sub(r"\1 \2 \3", line)
        found.add(re.sub(r"^\(?mls(?=constrain|validatetrans)", "", line).lstrip("(").replace(": ", ":"))
    return found


@pytest.mark.parametrize("version", [24, 28])
def test_every_statement_before_types_have_names_in_constraints(version: int) -> None:
    binary = everything(version)
    ours, theirs = (
        {line for line in unified(lines) if "t1" not in line and "t2" not in line and "t3" not in line}
        for lines in (policy_to_cil(read_policy(binary, "policy")).splitlines(), decompile(binary, CIL))
    )
    assert ours ^ theirs == {"sid security)", "sidorder (kernel unlabeled))", "sidorder (kernel security unlabeled))"}


def test_every_statement() -> None:
    binary = everything(33)
    policy = read_policy(binary, "policy")
    ours, theirs = unified(policy_to_cil(policy).splitlines()), unified(decompile(binary, CIL))
    # An initial SID without a context keeps its name here, so that the ones after it keep their numbers.
    assert ours ^ theirs == {"sid security)", "sidorder (kernel unlabeled))", "sidorder (kernel security unlabeled))"}
    ours, theirs = unified(policy_to_language(policy).splitlines()), unified(decompile(binary, LANGUAGE))
    assert ours ^ theirs == {"sid security"}


@settings(quick, max_examples=20)
@given(kernel_policies)
def test_random_policies(text: str) -> None:
    reference = compile_reference(BASE, text, "(mlsconstrain (socket (connect)) (dom h1 h2))", read=False)
    assume(not reference.error)
    policy = read_policy(reference.binary, "policy")
    assert unified(policy_to_cil(policy).splitlines()) == unified(decompile(reference.binary, CIL))
    theirs = unified(decompile(reference.binary, LANGUAGE))
    assert unified(policy_to_language(policy).splitlines()) == theirs
