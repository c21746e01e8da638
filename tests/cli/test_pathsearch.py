"""Searches for steps and paths: their JSON, tables and pictures, and each way to use them wrongly."""

import csv
import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.analysis.test_domaintransitions import POLICY as DOMAIN_POLICY
from tests.analysis.test_informationflow import MAP
from tests.analysis.test_informationflow import POLICY as FLOW_POLICY

from selbox.cli.main import main
from selbox.cli.output import write_result
from selbox.cli.pathsearch import Found, Request
from selbox.cli.terminal import Terminal
from selbox.cli.verbs.sedta import WORDING

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def flow_words(tmp_path: Path) -> list[str]:
    policy, permission_map = tmp_path / "flow.cil", tmp_path / "map"
    policy.write_text(FLOW_POLICY)
    permission_map.write_text(MAP)
    return ["seinfoflow", "-p", str(policy), "-m", str(permission_map)]


@pytest.fixture
def domain_words(tmp_path: Path) -> list[str]:
    policy = tmp_path / "domains.cil"
    policy.write_text(DOMAIN_POLICY)
    return ["sedta", "-p", str(policy)]


Capture = pytest.CaptureFixture[str]


def texts(drawn: Path) -> set[str | None]:
    root = ElementTree.parse(drawn).getroot()  # noqa: S314 - selbox has written it
    return {each.text for each in root.iter(f"{SVG}text")}


def test_flows_are_shown_step_by_step(flow_words: list[str], capsys: Capture) -> None:
    assert main([*flow_words, "-s", "writer", "-t", "reader", "-S"]) == 0
    assert capsys.readouterr().out == (
        "Flow 1:\n  Step 1: writer -> inbox\n  Step 2: inbox -> reader\n\n"
        "Flow 2:\n  Step 1: writer -> outbox\n  Step 2: outbox -> reader\n\n"
        "\n2 information flow(s) found.\n"
    )


def test_flows_are_followed_backwards(flow_words: list[str], capsys: Capture) -> None:
    assert main([*flow_words, "-s", "reader", "-r"]) == 0
    assert capsys.readouterr().out.startswith("Flow 1: inbox -> reader\nFlow 2: outbox -> reader\n")
    assert main([*flow_words, "-s", "reader", "-t", "writer", "-S", "-r", "-l", "1"]) == 0
    assert capsys.readouterr().out == (
        "Flow 1:\n  Step 1: inbox -> reader\n  Step 2: writer -> inbox\n\n1 information flow(s) found.\n"
    )


def test_json_has_paths_and_each_step_once_with_its_rules(flow_words: list[str], capsys: Capture) -> None:
    assert main([*flow_words, "-s", "writer", "-t", "reader", "-A", "2", "--full", "--stats", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)["result"]
    assert result["paths"] == [["writer", "inbox", "reader"], ["writer", "outbox", "reader"]]
    assert [(each["source"], each["target"]) for each in result["steps"]] == [
        ("writer", "inbox"),
        ("inbox", "reader"),
        ("writer", "outbox"),
        ("outbox", "reader"),
    ]
    (rule,) = result["steps"][0]["rules"]
    assert (rule["kind"], rule["target"], rule["permissions"]) == ("allow", "box", ["write", "open"])
    assert rule["places"][0].endswith("flow.cil:8:1")
    assert result["statistics"] == {"types": 5, "steps": 6}


def test_a_table_has_a_row_for_each_step_and_rule(flow_words: list[str], capsys: Capture) -> None:
    assert main([*flow_words, "-s", "writer", "-t", "reader", "-S", "--csv"]) == 0
    assert list(csv.reader(StringIO(capsys.readouterr().out)))[:2] == [
        ["path", "step", "source", "target"],
        ["1", "1", "writer", "inbox"],
    ]
    assert main([*flow_words, "-s", "writer", "--full", "--csv"]) == 0
    assert list(csv.reader(StringIO(capsys.readouterr().out)))[1] == [
        *("1", "1", "writer", "inbox"),
        "allow writer box:file { open write };",
    ]


def test_a_picture_shows_every_step_with_its_rules(flow_words: list[str], tmp_path: Path, capsys: Capture) -> None:
    drawn = tmp_path / "flow.svg"
    assert main([*flow_words, "-s", "writer", "-t", "reader", "-S", "--svg", str(drawn)]) == 0
    assert "2 information flow(s) found." in capsys.readouterr().out
    assert texts(drawn) == {"writer", "inbox", "outbox", "reader"}
    root = ElementTree.parse(drawn).getroot()  # noqa: S314 - selbox has written it
    notes = [each[0].text for each in root.iter(f"{SVG}path") if len(each)]
    assert len(notes) == 4
    assert "writer -> inbox\nallow writer box:file { open write };" in notes


def test_a_picture_on_standard_output_takes_the_place_of_the_text(
    domain_words: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([*domain_words, "-s", "login", "--graphviz", "-"]) == 0
    output = capfd.readouterr().out
    assert output.startswith('digraph "domain transitions of login" {\n')
    assert '"login" -> "shell" [tooltip="allow login domain:process transition;' in output
    assert "found" not in output


def test_a_picture_of_nothing_is_the_type_alone(domain_words: list[str], tmp_path: Path) -> None:
    drawn = tmp_path / "nothing.svg"
    assert main([*domain_words, "-s", "worker", "--svg", str(drawn)]) == 0
    assert texts(drawn) == {"worker"}


def test_paths_are_written_as_they_are_found() -> None:
    shown: list[str] = []

    def paths() -> Iterator[tuple[int, ...]]:
        for number in range(3):
            assert shown.count("Step 1: a -> b\n") == number
            yield (0, 1)

    request = Request(source=0, target=1, steps=2, reverse=False, limit=None)
    found = Found(request, WORDING, ("a", "b"), paths(), None, None, None, ())
    stream = StringIO()
    stream.writelines = lambda pieces: shown.extend(pieces)  # type: ignore[method-assign]
    write_result("sedta", found, as_json=False, stream=stream, terminal=Terminal(colour=False, width=80))
    assert shown[-1] == "\n3 domain transition path(s) found.\n"


def test_booleans_are_set_for_transitions_too(domain_words: list[str], capsys: Capture) -> None:
    words = [*domain_words, "-s", "login"]
    for values, count in (("default", 1), ("trusted:true", 2), ("trusted:off", 1)):
        assert main([*words, "-b", values]) == 0
        assert f"\n{count} domain transition(s) found." in capsys.readouterr().out


def test_what_the_map_does_not_know_is_told_on_demand(flow_words: list[str], tmp_path: Path, capsys: Capture) -> None:
    short = tmp_path / "short"
    short.write_text("1\nclass file 1\nread r 10\n")
    words = [*flow_words[:3], "-m", str(short), "-s", "writer"]
    assert main(words) == 0
    assert "permission-unmapped" not in capsys.readouterr().err
    assert main([*words, "-v"]) == 0
    assert "file:write, file:getattr" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ([], 2, "-s"),
        (["-s", "writer", "-S"], 2, "a target is needed"),
        (["-s", "writer", "-t", "reader"], 2, "which paths"),
        (["-s", "writer", "-t", "reader", "-A", "0"], 2, "a path has one step at least"),
        (["-s", "writer", "-l", "-1"], 2, "cannot be less than 0"),
        (["-s", "writer", "-w", "11"], 2, "weights are 1 to 10"),
        (["-s", "writer", "-b", "on"], 2, "`on` does not set a boolean"),
        (["-s", "writer", "-o", "flow.png"], 2, "pictures are written as SVG"),
        (["-s", "writer", "--svg", "-", "--graphviz", "-"], 2, "only one picture"),
        (["-s", "writer", "-b", "om:true"], 1, "no boolean `om`"),
        (["-s", "writre"], 1, "did you mean `writer`?"),
        (["-s", "box"], 1, "`box` is an attribute"),
        (["-s", "writer", "nobody"], 1, "no type or attribute `nobody`"),
        (["-s", "writer", "-m", "/nowhere/map"], 1, "/nowhere/map"),
    ],
)
def test_what_is_wrong_is_said(
    words: list[str], status: int, said: str, flow_words: list[str], capsys: Capture
) -> None:
    assert main([*flow_words, *words]) == status
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


def test_two_policies_are_one_too_many(tmp_path: Path, capsys: Capture) -> None:
    from tests.compiler.policies import compile_texts

    from selbox.binary.kernel import write_policy

    paths = [tmp_path / "one.33", tmp_path / "two.33"]
    for each in paths:
        each.write_bytes(write_policy(compile_texts(FLOW_POLICY), 33))
    assert main(["sedta", "-p", str(paths[0]), "-p", str(paths[1]), "-s", "writer"]) == 2
    assert "are two policies" in capsys.readouterr().err
