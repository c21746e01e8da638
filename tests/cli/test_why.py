import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.explain.policies import SOURCE

from selbox.cli.main import main

RECORD = (
    'type=AVC msg=audit(1.000:2): avc:  denied  { write } for  pid=1 comm="x" '
    "scontext=web_u:web_r:web_t:s0 tcontext=web_u:object_r:page_t:s0 tclass=file permissive=0"
)
QUESTION = ("web_t", "page_t", "file")


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("why") / "p.cil"
    path.write_text(SOURCE)
    return str(path)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_denial_is_told_whole(policy: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "--policy", policy, *QUESTION, "read,write"]) == 0
    assert (
        capsys.readouterr().out
        == f"""\
denied  file {{ write }}
  source  web_u:web_r:web_t:s0
  target  web_u:object_r:page_t:s0
          assumed: user, role and range of the source; user, role and range of the target

because
  no rule (allow web_t page_t (file (write)))

{{ read }} by
  (allow domain content (file (read)))
    at {policy}:18:1
    web_t is in domain, page_t is in content

near misses
  rules that are switched off:
    (allow web_t page_t (file (write)))
      at {policy}:19:23
      while edit; edit is off
  granted of the same class: ioctl

each of these would allow it
  1. set edit=on
  2. add the rule (allow web_t page_t (file (write)))
     or, in the policy language, allow web_t page_t:file {{ write }};
"""
    )


def test_a_constraint_is_shown_with_its_terms(policy: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "--policy", policy, "web_t", "page_t:s1:c0", "file", "read"]) == 0
    assert "    false    l1 dom l2      s0 dom s1:c0\n" in capsys.readouterr().out


def test_booleans_are_set_for_the_question(policy: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "--policy", policy, "--boolean", "edit=on", *QUESTION, "write"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("allowed  file { write }\n")
    assert "while edit; edit is on" in shown


def test_rules_of_a_binary_have_their_places_by_the_file_of_origins(
    policy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    binary, places = tmp_path / "policy.33", tmp_path / "elsewhere"
    assert main(["compile", "--origins", "-o", str(binary), policy]) == 0
    (tmp_path / "policy.33.origins").rename(places)
    question = [*QUESTION, "read"]
    capsys.readouterr()
    assert main(["why", "--policy", str(binary), *question]) == 0
    assert ":18:1" not in capsys.readouterr().out
    assert main(["why", "--policy", str(binary), "--origins", str(places), *question]) == 0
    assert f"at {policy}:18:1" in capsys.readouterr().out
    assert main(["why", "--policy", policy, "--origins", str(places), *question]) == 1
    assert "there is none" in capsys.readouterr().err


def test_a_number_is_asked_for_with_ioctl(policy: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "--policy", policy, "--ioctl", "0x1301", *QUESTION, "ioctl"]) == 0
    assert "none allows 0x1301" in capsys.readouterr().out


def test_json_has_the_same_parts(policy: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "--json", "--policy", policy, *QUESTION, "write"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["result"]
    assert (found["denied"], found["reasons"][0]["kind"]) == (["write"], "no-rule")
    assert found["proposals"][0] == {"changes": [{"kind": "boolean", "text": "set edit=on", "cil": "", "language": ""}]}


@pytest.mark.parametrize("way", ["file", "stdin", "dash", "argument"])
def test_records_are_taken_in_every_way(
    policy: str, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = f"type=SYSCALL msg=audit(1.000:2): arch=c000003e\n{RECORD}\n{RECORD}\n"
    path = tmp_path / "audit.log"
    path.write_text(log)
    arguments = {"file": ["--record", str(path)], "stdin": [], "dash": ["--record", "-"], "argument": [log]}[way]
    if way in ("stdin", "dash"):
        with path.open() as stream:
            completed = _main_with_input(["why", "--policy", policy, *arguments], stream.read(), monkeypatch)
    else:
        completed = main(["why", "--policy", policy, *arguments])
    assert completed == 0
    shown = capsys.readouterr().out
    assert shown.startswith("denied  file { write }  (2 records)\n")
    assert "assumed" not in shown


def _main_with_input(words: list[str], text: str, monkeypatch: pytest.MonkeyPatch) -> int:
    given = SimpleNamespace(content=text.encode())
    monkeypatch.setattr("selbox.cli.verbs.why.read_standard_input", lambda: given)
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    return main(words)


def test_a_record_that_cannot_be_asked_about_is_a_failure(policy: str, capsys: pytest.CaptureFixture[str]) -> None:
    log = f"{RECORD}\n{RECORD.replace('page_t', 'paper_t')}"
    assert main(["why", "--policy", policy, log]) == 1
    shown = capsys.readouterr()
    assert shown.out.startswith("denied  file { write }")
    assert "record in line 2" in shown.err


@pytest.mark.parametrize(
    "words",
    [
        ["web_t", "page_t"],
        ["web_t", "page_t", "file"],
        ["--record", "x", *QUESTION, "read"],
        ["--boolean", "edit", *QUESTION, "read"],
        ["--ioctl", "0x12345", *QUESTION, "ioctl"],
    ],
)
def test_what_is_no_question_is_a_usage_error(policy: str, words: list[str]) -> None:
    assert main(["why", "--policy", policy, *words]) == 2


def test_unknown_names_fail_with_a_guess(policy: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "--policy", policy, "wep_t", "page_t", "file", "reed"]) == 1
    shown = capsys.readouterr().err
    assert "did you mean `web_t`?" in shown
    assert "did you mean `read`?" in shown


def test_what_would_deny_even_with_a_rule_has_its_terms(policy: str, capsys: pytest.CaptureFixture[str]) -> None:
    question = ("web_t", "page_t:s1", "file", "write")
    assert main(["why", "--policy", policy, *question]) == 0
    assert (
        f"""\
because
  no rule (allow web_t page_t (file (write)))

and even with a rule
  (mlsconstrain (file (write)) (or (dom l1 l2) (eq t1 trusted))) at {policy}:26:1
    false  or
    false    l1 dom l2      s0 dom s1
    false    t1 eq trusted  web_t

near misses
"""
        in capsys.readouterr().out
    )
    assert main(["why", "--json", "--policy", policy, *question]) == 0
    (told,) = json.loads(capsys.readouterr().out)["result"]
    assert [each["kind"] for each in told["reasons"]] == ["no-rule"]
    (reason,) = told["even_with_rule"]
    assert (reason["kind"], reason["permissions"]) == ("constraint", ["write"])
    assert [each["holds"] for each in reason["terms"]] == [False] * 3
