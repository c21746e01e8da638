import json

import pytest

from selbox.cli.main import main
from selbox.cli.terminal import Terminal
from selbox.cli.verbs.coverage import coverage
from selbox.objects.operations import OPERATIONS, Support


def test_json_has_every_operation_with_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["result"]
    assert [row["name"] for row in rows] == [each.name for each in OPERATIONS]
    assert set(rows[0]) == set(OPERATIONS[0]._fields)


def test_the_table_names_every_operation_and_counts_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage"]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[-1].startswith(f"{len(OPERATIONS)} operations: ")
    assert "\x1b" not in shown
    words = set(shown.split())
    assert all(set(each.permissions) <= words for each in OPERATIONS)


def test_only_what_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage", "--json", "--support", "refused", "--support", "limited"]) == 0
    rows = json.loads(capsys.readouterr().out)["result"]
    assert {row["support"] for row in rows} == {"refused", "limited"}
    assert len(rows) == sum(each.support in (Support.REFUSED, Support.LIMITED) for each in OPERATIONS)


def test_an_unknown_support_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage", "--support", "perfect"]) == 2
    assert "'not mediated'" in capsys.readouterr().err


def test_colour_marks_the_support() -> None:
    assert "\x1b[31mrefused" in coverage([Support.REFUSED]).to_text(Terminal(colour=True, width=120))


def test_no_operations_are_no_table() -> None:
    assert coverage([]).to_text(Terminal(colour=False, width=80)) == "no operations"
