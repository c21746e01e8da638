"""What `selbox run` says when a box has ended."""

from pathlib import Path

import pytest

from selbox.audit.summary import SummaryRow
from selbox.avc.cache import Statistics
from selbox.cli.boxstart import RunResult
from selbox.cli.main import main
from selbox.cli.terminal import Terminal
from selbox.enforce.report import RunReport

ROW = SummaryRow(2, False, "u:r:cat_t:s0", "u:r:dog_t:s0", "file", ("read",), "cat", "chow", ("no rule",))


def summary(
    kinds: int, audit: str | None = None, policy: tuple[str, ...] = (), hidden: int = 0, status: int = 0
) -> list[str]:
    report = RunReport(status, (ROW,) * kinds, hidden, (), (), (), Statistics(0, 0, 0, 0, 0, 0))
    return RunResult(report, False, audit, policy).to_text(Terminal(colour=False, width=100)).splitlines()


def test_each_kind_of_denial_has_its_reason_and_the_records_their_place() -> None:
    assert summary(0) == []
    assert summary(1, "a log", ("p.33", "q")) == [
        "selbox: 2 denials",
        "    2 x denied file { read } chow (u:r:dog_t:s0) for cat (u:r:cat_t:s0)",
        "        no rule",
        "selbox: the records are in 'a log'; to see what would mend them: selbox denials -p p.33 -p q -i 'a log'",
    ]
    assert summary(1)[-1] == "selbox: the records were not kept; `--audit FILE` keeps them"
    assert summary(1, "-")[-1] == "selbox: the records are above"


def test_of_very_many_kinds_the_most_frequent_are_shown() -> None:
    lines = summary(50)
    assert lines[0] == "selbox: 100 denials of 50 kinds"
    assert lines[-2] == "      and 30 kinds more"
    assert len(lines) == 1 + 20 * 2 + 2


def test_denials_that_dontaudit_rules_hide_are_told_of_where_something_went_wrong() -> None:
    one = "selbox: 1 denial is not shown, since a dontaudit rule hides it; `--disable-dontaudit` records them all"
    two = "selbox: 2 denials are not shown, since dontaudit rules hide them; `--disable-dontaudit` records them all"
    assert summary(0, hidden=2) == []
    assert summary(0, hidden=1, status=1) == [one]
    assert summary(1, hidden=2)[-1] == two


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--boolean", "cats=on"], 1, "the policy has no boolean `cats`"),
        (["--boolean", "cats"], 2, "`cats` does not set a boolean"),
    ],
)
def test_booleans_that_cannot_be_set(
    words: list[str], status: int, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "p.cil").write_text("(boolean dogs false)")
    assert main(["run", "--policy", str(tmp_path / "p.cil"), *words, "--", "/bin/true"]) == status
    assert message in capsys.readouterr().err
