from pathlib import Path

from tests.explain.policies import SOURCE, make_policy

from selbox.binary.kernel import write_policy
from selbox.store.assertions import Violation, violations

RULES = ["(allow web_t page_t (file (write)))", "(allow web_t secret_t (file (read write)))"]


def test_rules_that_an_assertion_forbids_are_named(tmp_path: Path) -> None:
    path = tmp_path / "p.cil"
    path.write_text(SOURCE + "(neverallow domain secret_t (file (write)))\n")
    place = f"{path}:{SOURCE.count(chr(10)) + 1}:1"
    assert violations([str(path)], RULES, base=False) == [Violation(2, place, "allow web_t secret_t (file (write))")]
    assert violations([str(path)], RULES[:1], base=False) == []
    assert violations([str(path)], [], base=False) == []


def test_without_assertions_nothing_is_compiled(tmp_path: Path) -> None:
    path = tmp_path / "p.cil"
    path.write_text("(this is no policy)")
    assert violations([str(path)], RULES, base=False) == []


def test_a_kernel_policy_has_none(tmp_path: Path) -> None:
    path = tmp_path / "policy.33"
    path.write_bytes(write_policy(make_policy(), 33))
    assert violations([str(path)], RULES, base=False) == []
