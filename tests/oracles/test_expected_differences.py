"""The ledger of expected differences: each is still there."""

import tomllib
from pathlib import Path

import pytest
from tests.compiler.policies import BASE, codes_with_base
from tests.oracles.secilc import compile_reference, requires_secilc

LEDGER = tomllib.loads((Path(__file__).parent / "expected_differences.toml").read_text())
ENTRIES = [pytest.param(each, id=each["name"]) for each in LEDGER["secilc"]]


@pytest.mark.oracle
@requires_secilc
@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_still_differs(entry: dict[str, str]) -> None:
    ours = "refused" if codes_with_base(entry["policy"]) else "taken"
    theirs = "refused" if compile_reference(BASE, entry["policy"], read=False).error else "taken"
    assert (ours, theirs) == (entry["ours"], entry["theirs"])
    assert ours != theirs
    assert entry["reason"]
