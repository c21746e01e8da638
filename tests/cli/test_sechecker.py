"""``selbox sechecker``, against SETools'."""

import csv
import json
from io import StringIO
from pathlib import Path

import pytest
from tests.compiler.policies import BASE, compile_texts
from tests.oracles.commandlines import EVERYTHING, CommandLine, by_selbox, by_setools, everything
from tests.oracles.secilc import requires_setools

from selbox.binary.kernel import write_policy
from selbox.cli.main import main

CHECKS = EVERYTHING.parent / "checks" / "everything.ini"

ENOUGH = "check_type = assert_te\ntarget = shadow_t\n"


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return everything(tmp_path_factory.mktemp("checked"))


@pytest.mark.oracle
@requires_setools
def test_the_report_is_that_of_setools(policy: Path) -> None:
    command = CommandLine("sechecker", (str(CHECKS),))
    expected = by_setools(command, policy)
    assert expected.status == 1
    assert by_selbox(command, policy) == expected


@pytest.mark.oracle
@requires_setools
@pytest.mark.parametrize(
    "text",
    [
        "",
        "no section",
        "[check]\n",
        "[check]\ncheck_type = no_such_type\n",
        f"[check]\n{ENOUGH}no_such_option = 1\n",
        "[check]\ncheck_type = assert_te\n",
        "[check]\ncheck_type = assert_te\nsource = no_such_t\n",
        "[check]\ncheck_type = assert_te\ntclass = no_such_class\n",
        "[check]\ncheck_type = assert_te\ntclass = file\nperms = transition\n",
        "[check]\ncheck_type = assert_te\nperms = no_such_permission\n",
        f"[check]\n{ENOUGH}expect_source = no_such_t\n",
        f"[check]\n{ENOUGH}[check]\n{ENOUGH}",
        f"[check]\n{ENOUGH}target = etc_t\n",
        "[check]\ncheck_type = assert_rbac\n",
        "[check]\ncheck_type = assert_rbac\nsource = no_such_r\n",
        "[check]\ncheck_type = assert_rbac\nsource = web_r\nexpect_target = no_such_r\n",
        "[check]\ncheck_type = empty_typeattr\n",
        "[check]\ncheck_type = empty_typeattr\nattr = no_such_attribute\n",
        "[check]\ncheck_type = empty_typeattr\nattr = httpd_t\n",
        f"[DEFAULT]\ndesc = All.\n[check]\n{ENOUGH}",
        f"[check]\n{ENOUGH}desc = 100%%\n",
        f"[check]\n{ENOUGH}disable =\n",
        f"[check]\n{ENOUGH}disable = Later.\n",
    ],
)
def test_a_configuration_is_taken_or_refused_as_setools_does(text: str, policy: Path, tmp_path: Path) -> None:
    path = tmp_path / "checks.ini"
    path.write_text(text)
    command = CommandLine("sechecker", (str(path),))
    assert by_selbox(command, policy) == by_setools(command, policy)


def test_exit_statuses(policy: Path, tmp_path: Path) -> None:
    checks = tmp_path / "checks.ini"
    checks.write_text(f"[check]\n{ENOUGH}perms = execute\ntclass = file\nexempt_target = file_type")
    assert main(["sechecker", str(checks), str(policy)]) == 0
    assert main(["sechecker", str(CHECKS), str(policy)]) == 1
    assert main(["sechecker", str(tmp_path / "gone.ini"), str(policy)]) == 2
    assert main(["sechecker", str(checks), str(tmp_path / "gone.33")]) == 3
    assert main(["sechecker"]) == 2


def test_what_is_wrong_is_said_with_the_nearest_name(
    policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "checks.ini"
    path.write_text("[shadow]\ncheck_type = assert_te\nsource = httd_t\n")
    assert main(["sechecker", str(path), str(policy)]) == 2
    error = capsys.readouterr().err
    assert "check `shadow`: `source`: the policy has no type or attribute `httd_t`" in error
    assert "did you mean `httpd_t`?" in error


def test_the_report_can_be_left_in_a_file(policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report"
    assert main(["sechecker", "-o", str(report), str(CHECKS), str(policy)]) == 1
    assert capsys.readouterr().out == ""
    assert "Check name: shadow is read by few" in report.read_text()


def test_csv_has_a_row_for_each_failure(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["sechecker", "--csv", str(CHECKS), str(policy)])
    rows = list(csv.DictReader(StringIO(capsys.readouterr().out)))
    assert [row["failure"] for row in rows if row["check"] == "there are no web domains"] == [
        "httpd_child_t",
        "httpd_t",
    ]
    assert [(row["status"], row["failure"]) for row in rows if row["check"] == "nobody is nobody"] == [("passed", "")]


def test_json_has_every_check_with_what_failed(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["sechecker", "--json", str(CHECKS), str(policy)])
    (result,) = json.loads(capsys.readouterr().out)["result"]
    checks = {each["name"]: each for each in result["checks"]}
    assert checks["not run"]["status"] == "disabled"
    assert checks["nobody is nobody"] == {
        "name": "nobody is nobody",
        "description": None,
        "status": "passed",
        "reason": None,
        "failures": [],
    }
    assert checks["there are no web domains"]["failures"] == ["httpd_child_t", "httpd_t"]
    assert result["failures"] == sum(len(each["failures"]) for each in checks.values())


def test_modules_of_the_kernel_are_not_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = (
        "(type loader)(type writer)(type modules)(class system (module_load))(classorder (unordered system))"
        "(allow loader modules (system (module_load)))(allow writer modules (file (write)))"
        "(allow loader loader (system (module_load)))"
    )
    policy, checks = tmp_path / "policy.33", tmp_path / "checks.ini"
    policy.write_bytes(write_policy(compile_texts(BASE, rules), 33))
    checks.write_text("[modules]\ncheck_type = ro_kmods\n")
    assert main(["sechecker", str(checks), str(policy)]) == 1
    report = capsys.readouterr().out
    assert "Kernel module type modules is writable.\n\nModule load rules:\n    * allow loader modules:system" in report
    assert "Write rules:\n    * allow writer modules:file write;\n" in report
    assert "1 failure(s) found." in report
    for exempt in ("exempt_load_domain = loader", "exempt_write_domain = writer", "exempt_file = modules"):
        checks.write_text(f"[modules]\ncheck_type = ro_kmods\n{exempt}\n")
        assert main(["sechecker", str(checks), str(policy)]) == 0
