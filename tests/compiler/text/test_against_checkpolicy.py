"""The texts of binary policies beside those that checkpolicy writes of them.

What differs on purpose, ``tests/oracles/expected_differences.toml`` lists; here both sides are brought to one form.
"""

import re
from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import assume, given, settings
from tests.binary.kernel.binaries import everything
from tests.compiler.policies import BASE
from tests.compiler.text.random_statements import kernel_policies
from tests.compiler.text.test_same_again import quick
from tests.oracles.checkpolicy import CIL, LANGUAGE, decompile, requires_checkpolicy
from tests.oracles.secilc import compile_reference
from tests.strength import tries

from selbox.binary.kernel import read_policy
from selbox.compiler.text.cil import policy_to_cil
from selbox.compiler.text.policylanguage import policy_to_language

pytestmark = [pytest.mark.oracle, requires_checkpolicy]

UNLABELLED_SID = {"sid security)", "sidorder (kernel unlabeled))", "sidorder (kernel security unlabeled))"}
"""An initial SID without a context keeps its name in our text, so that the ones after it keep their numbers."""

NAMED = re.compile(r'^(\(typetransition \S+ \S+ \S+) "?([^"]+?)"? (\S+\))$')


def unified(lines: list[str]) -> list[str]:
    """Return lines without what is known to differ between the two writers."""
    found = []
    for line in lines:
        if line.startswith(("# left", "(expandtypeattribute ", "(userrole none_u ")):
            continue
        line = NAMED.sub(r"\1 \2 \3", line)
        found.append(re.sub(r"^\(?mls(?=constrain|validatetrans)", "", line).lstrip("(").replace(": ", ":"))
    return found


def difference(ours: Iterable[str], theirs: Iterable[str]) -> set[str]:
    """Return the lines that one of two texts has more often than the other."""
    one, other = Counter(ours), Counter(theirs)
    return {*(one - other), *(other - one)}


def in_order(lines: list[str]) -> list[str]:
    """Return lines of those sorts that both writers put at the same places."""
    return [line for line in lines if not line.startswith(("class ", "sid", "constrain ", "validatetrans "))]


@pytest.mark.parametrize("version", [24, 28])
def test_every_statement_before_types_have_names_in_constraints(version: int) -> None:
    binary = everything(version)
    ours, theirs = (
        [line for line in unified(lines) if "t1" not in line and "t2" not in line and "t3" not in line]
        for lines in (policy_to_cil(read_policy(binary, "policy")).splitlines(), decompile(binary, CIL))
    )
    assert difference(ours, theirs) == UNLABELLED_SID


def test_every_statement() -> None:
    binary = everything(33)
    policy = read_policy(binary, "policy")
    ours, theirs = unified(policy_to_cil(policy).splitlines()), unified(decompile(binary, CIL))
    assert difference(ours, theirs) == UNLABELLED_SID
    assert in_order(ours) == in_order(theirs)
    ours, theirs = unified(policy_to_language(policy).splitlines()), unified(decompile(binary, LANGUAGE))
    assert difference(ours, theirs) == {"sid security"}
    assert in_order(ours) == in_order(theirs)


@settings(quick, max_examples=tries(40))
@given(kernel_policies)
def test_random_policies(text: str) -> None:
    reference = compile_reference(BASE, text, "(mlsconstrain (socket (connect)) (dom h1 h2))", read=False)
    assume(not reference.error)
    policy = read_policy(reference.binary, "policy")
    for language, text_of in ((CIL, policy_to_cil), (LANGUAGE, policy_to_language)):
        ours, theirs = unified(text_of(policy).splitlines()), unified(decompile(reference.binary, language))
        # A class without permissions stands twice in what checkpolicy 3.4 writes; in that of later versions, once.
        assert difference(ours, theirs) <= {"class bare"}
        assert in_order(ours) == in_order(theirs)
