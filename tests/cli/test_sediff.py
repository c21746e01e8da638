"""``selbox sediff``: its JSON and Markdown, its exit statuses, and each way to use it wrongly."""

import json
from pathlib import Path

import pytest
from tests.compiler.policies import BASE, compile_texts

from selbox.binary.kernel import write_policy
from selbox.cli.main import main

LEFT = """\
(type web)(type page)(boolean on false)(typeattribute pages)(typeattributeset pages (page c))
(roletype object_r page)(allow web pages (file (read open)))(portcon tcp 80 (system_u object_r page ((s0) (s0))))
"""
RIGHT = """\
(type web)(type page)(boolean on true)(typeattribute pages)(typeattributeset pages (page c))
(roletype object_r page)(allow web pages (file (read)))(allow web page (file (write)))(allow web c (file (open)))
(portcon tcp 80 (system_u object_r c ((s0) (s0))))(type extra)
"""
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    """Return the paths of a binary and of a source."""
    binary, source = tmp_path / "left.33", tmp_path / "right.cil"
    binary.write_bytes(write_policy(compile_texts(BASE, LEFT), 33))
    source.write_text(BASE + RIGHT)
    return [str(binary), str(source)]


def test_a_binary_and_a_source_are_compared(paths: list[str], capsys: Capture) -> None:
    assert main(["sediff", *paths]) == 1
    assert capsys.readouterr().out == (
        "Booleans (0 Added, 0 Removed, 1 Modified)\n"
        "   Modified Booleans: 1\n"
        "      * on (Modified default state)\n"
        "          + True\n"
        "          - False\n"
        "\n"
        "Types (1 Added, 0 Removed, 0 Modified)\n"
        "   Added Types: 1\n"
        "      + extra\n"
        "\n"
        "Allow Rules (0 Added, 0 Removed, 1 Modified)\n"
        "   Modified Allow Rules: 1\n"
        "      * allow web page:file { read +write -open };\n"
        "\n"
        "Portcons (0 Added, 0 Removed, 1 Modified)\n"
        "   Modified Portcons: 1\n"
        "      * portcon tcp 80 +[system_u:object_r:c:s0] -[system_u:object_r:page:s0];\n"
        "\n"
    )


def test_sources_that_make_one_policy_are_joined_by_colons(paths: list[str], tmp_path: Path, capsys: Capture) -> None:
    parts = tmp_path / "base.cil", tmp_path / "rest.cil"
    for path, text in zip(parts, (BASE, RIGHT), strict=True):
        path.write_text(text)
    assert main(["sediff", paths[1], ":".join(map(str, parts))]) == 0
    assert capsys.readouterr().out == ""


def test_json_names_what_was_added_removed_and_modified(paths: list[str], capsys: Capture) -> None:
    assert main(["sediff", "-b", "--allow", "--role", *paths, "--json"]) == 1
    result = json.loads(capsys.readouterr().out)["result"]
    assert (result["left"], result["right"], result["differs"]) == (*paths, True)
    assert result["sections"] == [
        {
            "kind": "bool",
            "added": [],
            "removed": [],
            "modified": [{"name": "on", "parts": [{"name": "", "added": ["True"], "removed": ["False"]}]}],
        },
        {"kind": "role", "added": [], "removed": [], "modified": []},
        {
            "kind": "allow",
            "added": [],
            "removed": [],
            "modified": [
                {
                    "name": "allow web page:file",
                    "parts": [{"name": "permissions", "added": ["write"], "removed": ["open"]}],
                }
            ],
        },
    ]


def test_markdown_folds_what_differs_away(paths: list[str], capsys: Capture) -> None:
    assert main(["sediff", "-t", "-r", "--allow", "--markdown", *paths]) == 1
    text = capsys.readouterr().out
    assert text.startswith(f"## Policy differences: `{paths[0]}` to `{paths[1]}`\n\n")
    assert "### Types: 1 added, 0 removed, 0 modified\n\n<details>" in text
    assert "```diff\n# allow web page:file\n+   permissions: write\n-   permissions: open\n```\n" in text
    assert "Roles" not in text


def test_markdown_says_when_nothing_differs(paths: list[str], capsys: Capture) -> None:
    assert main(["sediff", "--markdown", paths[0], paths[0]]) == 0
    assert "The policies do not differ." in capsys.readouterr().out


def test_what_can_be_done_is_compared_on_demand(paths: list[str], capsys: Capture) -> None:
    assert main(["sediff", "--access", *paths]) == 1
    assert capsys.readouterr().out == (
        "Access (1 Gained, 1 Lost)\n"
        "   1 pair of types gains access: web 1\n"
        "   1 pair of types loses access: web 1\n"
        "   Gained: 1\n"
        "      + web page:file write\n"
        "   Lost: 1\n"
        "      - web page:file open\n"
        "\n"
    )
    assert main(["sediff", "--access", paths[0], paths[0]]) == 0
    assert main(["sediff", "--access", "-b", "--json", *paths]) == 1
    result = json.loads(capsys.readouterr().out.splitlines()[-1])["result"]
    assert [each["kind"] for each in result["sections"]] == ["bool"]
    assert result["access"]["gained"] == [
        {"sources": ["web"], "targets": ["page"], "object_class": "file", "permissions": ["write"]}
    ]


def test_markdown_says_what_to_look_at(tmp_path: Path, capsys: Capture) -> None:
    paths = tmp_path / "left.cil", tmp_path / "right.cil"
    more = (
        "(allow web page (file (write)))(allow a page (file (execute)))(typepermissive a)(allow b a (process (fork)))"
    )
    for path, text in zip(paths, ("(allow a page (file (execute)))", more), strict=True):
        path.write_text(f"{BASE}(type web)(type page){text}")
    assert main(["sediff", "--access", "--markdown", *map(str, paths)]) == 1
    text = capsys.readouterr().out
    assert "* `a` is permissive now: nothing is denied to it\n" in text
    assert "* 2 pairs of types gain access: `b` 1, `web` 1\n" in text
    assert "**To be looked at** (1):\n\n* `web` on `page:file`: a executes files of page" in text
    assert "+ web page:file write\n" in text
    assert "### Types: 0 added, 0 removed, 1 modified" in text


@pytest.mark.parametrize("words", [[], ["one"], ["one", "two", "three"], ["--nothing", "one", "two"]])
def test_a_wrong_command_line_is_told_apart_from_a_difference(words: list[str], capsys: Capture) -> None:
    assert main(["sediff", *words]) == 2
    assert "error[usage]" in capsys.readouterr().err


def test_a_policy_that_is_not_there_is_told_apart_from_a_difference(paths: list[str], capsys: Capture) -> None:
    assert main(["sediff", paths[0], "/nowhere/policy"]) == 2
    assert "/nowhere/policy" in capsys.readouterr().err


def test_csv_has_a_row_for_each_change(paths: list[str], capsys: Capture) -> None:
    assert main(["sediff", "--csv", *paths]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["kind,change,name,part,added,removed", "bool,modified,on,,True,False", "type,added,extra,,,"]
    assert main(["sediff", "--csv", "--access", *paths]) == 2
    assert "--json has all of it" in capsys.readouterr().err
