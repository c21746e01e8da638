import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.analysis.denialpolicy import record
from tests.cli.logs import Verbs

from selbox.cli.main import main


@pytest.fixture
def verbs(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Verbs:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Verbs(tmp_path, capsys)


RULE = """
\tWas caused by:
\t\tMissing type enforcement (TE) allow rule.

\t\tYou can use audit2allow to generate a loadable module to allow this access.

"""


def test_each_record_is_written_with_its_cause(verbs: Verbs) -> None:
    out, err = verbs.run("audit2why")
    assert out.startswith(
        f"{record('home_t', 'read')}\n\n\tWas caused by:\n\tThe boolean web_homes was set incorrectly. \n"
        "\tDescription:\n\tAllow web to homes\n\n\tAllow access by executing:\n\t# setsebool -P web_homes 1\n"
    )
    assert f"{record('web_log_t', 'write', number=2)}\n{RULE}" in out
    assert "#\tmlsconstrain file { read write } (l1 dom l2 -Fail-) ; Constraint DENIED\n" in out
    assert "#\tPossible cause is the source level (s0) and target level (s0:c1) are different.\n" in out
    assert "#\t\tlabel the object web_u:object_r:web_content_t:s0\n" in out
    assert "Unknown - would be allowed by active policy" in out
    assert "gone_t" not in out
    assert "1 record passed over: the policy has no context `web_u:object_r:gone_t:s0`" in err
    assert "line 8 lacks permissions, contexts or class" in err


def test_types_are_chosen_by_an_expression(verbs: Verbs) -> None:
    out, _ = verbs.run("audit2why", "-t", "home")
    assert out.count("type=AVC") == 1
    verbs.run("audit2why", "-t", "(", status=2)


def test_the_log_may_begin_at_the_last_reload(verbs: Verbs) -> None:
    loaded = "type=MAC_POLICY_LOAD msg=audit(1.0:2): policy loaded auid=0\n"
    verbs.log.write_text(verbs.log.read_text() + loaded + record("home_t", "write", number=7) + "\n")
    out, _ = verbs.run("audit2why", "-l")
    assert out == f"{record('home_t', 'write', number=7)}\n{RULE}"


def test_the_last_reload_is_found_in_whatever_block_it_stands(verbs: Verbs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selbox.store.logfiles._BLOCK", 100)
    loaded = "type=MAC_POLICY_LOAD msg=audit(1.0:2): policy loaded auid=0\n"
    last = record("home_t", "write", number=7) + "\n"
    verbs.log.write_text(f"{last}{loaded}{last}----\n{loaded}----\n{last}----\n{last}")
    out, _ = verbs.run("audit2why", "-l")
    assert out == f"{last}{RULE}" * 2


def test_json_says_each_access_once(verbs: Verbs) -> None:
    verbs.log.write_text(verbs.log.read_text() + record("home_t", "read", number=9) + "\n")
    envelope = json.loads(verbs.run("audit2why", "--json")[0])
    result = envelope["result"]
    assert (envelope["verb"], result["lines"], result["broken"]) == ("audit2why", 10, 1)
    first, *_, unknown, last = result["causes"]
    assert first == {
        "source": "web_u:web_r:web_t:s0",
        "target": "web_u:object_r:home_t:s0",
        "object_class": "file",
        "permissions": ["read"],
        "number": None,
        "granted": False,
        "cause": "boolean",
        "booleans": [{"name": "web_homes", "value": True}],
        "fault": None,
        "line": 2,
        "times": 2,
    }
    assert unknown["fault"] == {"code": "invalid-context", "name": "web_u:object_r:gone_t:s0"}
    assert last["cause"] == "allowed"


@pytest.mark.parametrize(
    "words", [("-a", "-i", "x"), ("-d", "-i", "x"), ("-a", "-d"), ("--follow",), ("--follow", "-a"), ("-i", "-", "-f")]
)
def test_options_that_contradict_one_another_are_refused(words: tuple[str, ...]) -> None:
    assert main(["audit2why", *words]) == 2


def test_a_log_without_records_is_told_of(verbs: Verbs) -> None:
    verbs.log.write_text("nothing\n")
    out, err = verbs.run("audit2why")
    assert (out, "warning[audit-no-records]" in err) == ("", True)


def test_options_of_audit2allow_are_taken(verbs: Verbs) -> None:
    assert verbs.run("audit2why", "-w", "-v", "-e", "--debug") == verbs.run("audit2why")


def test_standard_input_is_read_and_policy_named_by_variable(verbs: Verbs, tmp_path: Path) -> None:
    environment = {**os.environ, "SELBOX_POLICY": str(verbs.policy), "XDG_CACHE_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "selbox", "audit2why"]
    given = record("home_t", "write").encode() + b" \xff\n"
    done = subprocess.run(command, input=given, capture_output=True, check=True, env=environment)
    assert done.stdout.startswith(given)


def test_a_log_is_followed(verbs: Verbs, tmp_path: Path) -> None:
    environment = {**os.environ, "SELBOX_POLICY": str(verbs.policy), "XDG_CACHE_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "selbox", "audit2why", "--follow", "-t", "home", "-i", str(verbs.log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == record("home_t", "read") + "\n"
        while "setsebool" not in process.stdout.readline():
            pass
        with verbs.log.open("a") as stream:
            stream.write(record("home_t", "write") + "\n")
        assert process.stdout.readline() == record("home_t", "write") + "\n"
        process.terminate()
