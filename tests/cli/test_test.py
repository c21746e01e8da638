"""``selbox test``: what it prints, writes and returns."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from selbox.cli.main import main


@pytest.fixture
def policy(tmp_path: Path) -> str:
    path = tmp_path / "web.cil"
    path.write_text("(block web (blockinherit domain))\n(type page_t)\n(allow web.t page_t (file (read)))\n")
    return str(path)


@pytest.fixture
def good(tmp_path: Path) -> str:
    path = tmp_path / "good.expect"
    path.write_text("allow web.t page_t:file read\ndeny web.t page_t:file write\n")
    return str(path)


@pytest.fixture
def bad(tmp_path: Path) -> str:
    path = tmp_path / "bad.expect"
    path.write_text("deny web.t page_t:file write\nallow web.t page_t:file write  # <&>\n")
    return str(path)


REASON = (
    "system_u:system_r:web.t:s0 system_u:object_r:page_t:s0:file write is denied: "
    "no rule (allow web.t page_t (file (write)))"
)


def test_what_is_met(policy: str, good: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "--policy", policy, good]) == 0
    assert capsys.readouterr().out == "2 of 2 expectations are met\n"


def test_what_is_not_met(policy: str, good: str, bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "--policy", policy, "-v", good, bad]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"passed {good}:1:1: allow web.t page_t:file read",
        f"passed {good}:2:1: deny web.t page_t:file write",
        f"passed {bad}:1:1: deny web.t page_t:file write",
        f"failed {bad}:2:1: allow web.t page_t:file write",
        f"    {REASON}",
        "3 of 4 expectations are met",
    ]


def test_json(policy: str, bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "--json", "--policy", policy, "--coverage", bad]) == 1
    result = json.loads(capsys.readouterr().out)["result"]
    assert (result["passed"], result["failed"]) == (1, 1)
    assert result["expectations"][1] == {
        "file": bad,
        "line": 2,
        "expectation": "allow web.t page_t:file write",
        "passed": False,
        "reasons": [REASON],
    }
    untouched = [{"place": f"{policy}:3:1", "rule": "(allow web.t page_t (file (read)))"}]
    assert result["coverage"] == [{"file": policy, "rules": 1, "untouched": untouched}]


def test_coverage(policy: str, good: str, bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "--policy", policy, "--coverage", good]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"{policy}: 1 of 1 rules are touched"
    main(["test", "--policy", policy, "--coverage", bad])
    assert f"    untouched {policy}:3:1: (allow web.t page_t (file (read)))" in capsys.readouterr().out


def test_reports(policy: str, good: str, bad: str, tmp_path: Path) -> None:
    junit, sarif = tmp_path / "junit.xml", tmp_path / "log.sarif"
    assert main(["test", "--policy", policy, "--junit", str(junit), "--sarif", str(sarif), good, bad]) == 1
    suites = ElementTree.fromstring(junit.read_bytes())  # noqa: S314 - written a moment ago
    assert [(each.get("name"), each.get("tests"), each.get("failures")) for each in suites] == [
        (good, "2", "0"),
        (bad, "2", "1"),
    ]
    (failure,) = suites.iter("failure")
    assert (failure.get("message"), failure.text) == (REASON, REASON)
    (run,) = json.loads(sarif.read_bytes())["runs"]
    (result,) = run["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == bad
    assert (place["region"]["startLine"], place["region"]["startColumn"]) == (2, 1)
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_reports_go_to_standard_output(policy: str, bad: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "--policy", policy, "--junit", "-", bad]) == 1
    assert ElementTree.fromstring(capfd.readouterr().out).get("failures") == "1"  # noqa: S314 - our own


def test_every_fault_of_every_file_is_shown(policy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = tmp_path / "1.expect", tmp_path / "2.expect"
    first.write_text("alow a b:file read\n")
    second.write_text("allow web.t page_t:file\n")
    junit = tmp_path / "junit.xml"
    assert main(["test", "--policy", policy, "--junit", str(junit), str(first), str(second)]) == 1
    shown = capsys.readouterr().err
    assert f"{first}:1:1" in shown
    assert f"{second}:1:1" in shown
    assert not junit.exists()


@pytest.mark.parametrize(
    "words", [["test"], ["test", "--no-base", "x.expect"], ["test", "--json", "--junit", "-", "x.expect"]]
)
def test_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "error[usage]" in capsys.readouterr().err
