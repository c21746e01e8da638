"""``selbox seinfo``: what it has beyond SETools' lines, which other tests compare."""

import csv
import json
from io import StringIO
from pathlib import Path

import pytest
from tests.oracles.commandlines import EVERYTHING, everything

from selbox.cli.main import main


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = everything(tmp_path)
    capsys.readouterr()
    return path


def test_json_has_the_facts(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["seinfo", "--json", str(policy)]) == 0
    (result,) = json.loads(capsys.readouterr().out)["result"]
    assert (result["facts"]["version"], result["facts"]["portcon"], result["components"]) == (33, 5, {})


def test_json_has_components_with_their_statements_and_places(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["seinfo", str(EVERYTHING), "--json", "--netifcon", "lo", "-u", "web_u"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["result"]
    line = EVERYTHING.read_text().splitlines().index("(netifcon lo sys_ctx wide_ctx)") + 1
    assert result["facts"] is None
    assert [each["place"] for each in result["components"]["netifcon"]] == [f"{EVERYTHING}:{line}:1"]
    assert result["components"]["user"][0]["statement"].startswith("user web_u roles web_r level s0")


def test_csv_has_a_row_for_each_fact_or_component(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["seinfo", "--csv", str(policy)])
    facts = {row["fact"]: row["value"] for row in csv.DictReader(StringIO(capsys.readouterr().out))}
    assert facts["booleans"] == "3"
    main(["seinfo", str(policy), "--csv", "--bool", "--polcap"])
    rows = list(csv.DictReader(StringIO(capsys.readouterr().out)))
    assert [(row["kind"], row["name"]) for row in rows[2:4]] == [("bool", "third"), ("polcap", "extended_socket_class")]


def test_components_of_several_policies_begin_with_their_names(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["seinfo", str(policy), str(EVERYTHING), "--flat", "-u"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{path}: {user}" for path in (policy, EVERYTHING) for user in ("guest_u", "system_u", "web_u")]


def test_statistics_of_several_policies_follow_one_another(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["seinfo", str(policy), str(EVERYTHING)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [each for each in lines if each.startswith("Statistics")] == [
        f"Statistics for policy file: {each}" for each in (policy, EVERYTHING)
    ]


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["--portcon", "x"], 2),
        (["--portcon", "0"], 1),
        (["--portcon", "90-80"], 1),
        (["--portcon", "65536"], 1),
        (["--ibpkeycon", "0x10000"], 1),
        (["--constrain", "flie"], 1),
        (["--nodecon", "10.0.0.0/33"], 1),
    ],
)
def test_what_cannot_be_is_refused(
    words: list[str], status: int, policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["seinfo", *words, str(policy)]) == status
    assert capsys.readouterr().out == ""


def test_a_name_that_is_nowhere_is_told_of(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["seinfo", str(policy), "--flat", "-b", "thirt"]) == 0
    out, err = capsys.readouterr()
    assert (out.strip(), err) == (
        "",
        "warning[unknown-boolean]: the policy has no boolean `thirt`\n  help: did you mean `third`?\n",
    )


@pytest.mark.parametrize("words", [("seinfo",), ("sesearch", "-A"), ("audit2why", "-i", "/dev/null", "-p")])
def test_an_empty_file_is_no_policy(words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "policy.33").touch()
    assert main([*words, str(tmp_path / "policy.33")]) == 1
    out, err = capsys.readouterr()
    assert (out, "error[file-empty]" in err) == ("", True)


def test_roles_are_found_by_a_type(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["seinfo", "--role_types", "httpd_t", str(policy)]) == 0
    assert capsys.readouterr().out == "\nRoles: 2\n   system_r\n   web_r\n"
    assert main(["seinfo", "--role_types", "web_t", "--flat", str(policy)]) == 0  # an alias
    assert capsys.readouterr().out == "system_r\nweb_r\n"
    assert main(["seinfo", "--role_types", "etc_t", "--flat", str(policy)]) == 0
    assert capsys.readouterr() == ("", "")
    assert main(["seinfo", "--all", str(policy)]) == 0
    assert capsys.readouterr().out.count("\nRoles: ") == 1  # it is no part of everything, even after it was asked for
    assert main(["seinfo", "--role_types", "httd_t", str(policy)]) == 0
    assert "did you mean `httpd_t`?" in capsys.readouterr().err
    assert main(["seinfo", str(policy), "--role_types"]) == 2
