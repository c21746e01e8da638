import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.analysis.denialpolicy import record
from tests.cli.logs import Verbs


@pytest.fixture
def verbs(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Verbs:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Verbs(tmp_path, capsys)


def test_a_person_reads_what_is_wrong_and_what_to_do(verbs: Verbs) -> None:
    out, err = verbs.run("denials")
    assert out.startswith(
        "6 denials of 5 causes, from 2023-11-14 22:13:21 to 2023-11-14 22:13:26\n"
        "line 6: security_compute_sid web_u:web_r:x_t:s0\n\n"
        "1. web_t may not ioctl, write web_log_t:file  2 times, first 2023-11-14 22:13:22, last 2023-11-14 22:13:23\n"
        "   program  httpd (2)\n"
    )
    assert "   fix      set the boolean web_homes\n              setsebool -P web_homes 1\n" in out
    assert "   reason   not to be said: the policy does not know `web_u:object_r:gone_t:s0`\n" in out
    assert "              needed: label the object web_u:object_r:web_content_t:s0\n" in out
    assert "allow web_t web_log_t:file { ioctl write };" in out
    assert "line 8" in err


def test_only_some_causes_are_shown(verbs: Verbs) -> None:
    out, _ = verbs.run("denials", "--top", "2")
    assert "\n2. " in out
    assert "\n3. " not in out
    assert out.endswith("3 further causes; --top 5 shows all\n")


def test_a_log_without_denials_says_so(verbs: Verbs) -> None:
    verbs.log.write_text("")
    assert verbs.run("denials")[0] == "no denials\n"


def test_programs_read_all_of_it(verbs: Verbs) -> None:
    result = json.loads(verbs.run("denials", "--json")[0])["result"]
    assert [(each["target"], each["cause"], each["times"]) for each in result["denials"]] == [
        ("web_log_t", "rule", 2),
        ("home_t", "boolean", 1),
        ("web_content_t", "constraint", 1),
        ("gone_t", None, 1),
        ("web_content_t", "allowed", 1),
    ]
    assert result["denials"][1]["booleans"] == [{"name": "web_homes", "value": True}]
    assert result["events"][0]["fields"]["invalid_context"] == "web_u:web_r:x_t:s0"
    lines = verbs.run("denials", "--csv")[0].splitlines()
    assert lines[0].startswith("source,target,object_class,permissions,cause,times,")
    assert lines[2].startswith("web_t,home_t,file,read,boolean,1,0,1700000001.123,1700000001.123,httpd,x,web_homes=on,")


def test_names_cannot_move_the_cursor(verbs: Verbs) -> None:
    name = b"\x1b[2J".hex().upper()
    verbs.log.write_text(record("home_t", "write", about=f"name={name}") + "\n")
    out, _ = verbs.run("denials")
    assert "object   \\x1b[2J\n" in out


def test_new_causes_are_told_of_as_they_come(verbs: Verbs, tmp_path: Path) -> None:
    environment = {**os.environ, "SELBOX_POLICY": str(verbs.policy), "XDG_CACHE_HOME": str(tmp_path)}
    verbs.log.write_text(record("home_t", "read") + "\n")
    for words in ((), ("--json",)):
        command = [sys.executable, "-m", "selbox", "denials", "--follow", "-i", str(verbs.log), *words]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            assert process.stdout is not None
            assert "home_t" in process.stdout.readline()
            with verbs.log.open("a") as stream:
                stream.write(f"{record('home_t', 'read')}\n{record('web_log_t', 'write')}\n")
            while "web_log_t" not in (line := process.stdout.readline()):
                assert line
            process.terminate()
        verbs.log.write_text(record("home_t", "read") + "\n")
