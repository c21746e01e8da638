"""Every policy of the examples and of the tests of enforcement means to secilc what it means to us."""

from importlib import import_module
from pathlib import Path

import pytest
from tests.oracles.policylines import policy_lines
from tests.oracles.secilc import compile_reference, requires_setools

from selbox.store.policyfiles import base_sources, load_policy

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(str(path) for path in (ROOT / "examples").glob("*/*.cil"))
MODULES = sorted(path.stem for path in (ROOT / "tests" / "enforce").glob("test_*.py"))
POLICIES = {Path(path).stem: Path(path).read_text() for path in EXAMPLES} | {
    name: module.POLICY for name in MODULES if hasattr(module := import_module(f"tests.enforce.{name}"), "POLICY")
}


@pytest.mark.oracle
@requires_setools
@pytest.mark.parametrize("name", POLICIES)
def test_the_policy_means_what_secilc_makes_of_it(name: str, tmp_path: Path) -> None:
    own = tmp_path / "own.cil"
    own.write_text(POLICIES[name])
    reference = compile_reference(*(each.text for each in base_sources()), POLICIES[name])
    assert reference.error == ""
    # secilc leaves out attributes that no rule names; all else is the same, line by line.
    attributes = {line.split(":")[0] for line in reference.lines if line.startswith("attribute ")}
    ours = {
        line
        for line in policy_lines(load_policy([str(own)]))
        if not line.startswith("attribute ") or line.split(":")[0] in attributes
    }
    assert sorted(ours ^ reference.lines) == []


def test_there_are_policies_to_compare() -> None:
    assert {"coloring-book", "credentials", "test_run", "test_races", "test_sysvipc"} <= set(POLICIES)
