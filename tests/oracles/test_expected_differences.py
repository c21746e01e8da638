"""The ledger of expected differences: each is still there."""

import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.analysis.denialpolicy import SOURCE
from tests.binary.kernel.binaries import secilc_binary
from tests.compiler.policies import BASE, compile_texts, errors_of
from tests.oracles.checkpolicy import CIL, LANGUAGE, decompile, requires_checkpolicy
from tests.oracles.commandlines import CommandLine, by_selbox, by_setools, everything
from tests.oracles.modules import package, requires_module_programs, translated
from tests.oracles.secilc import compile_reference, requires_secilc, requires_setools

from selbox.binary.kernel import read_policy, write_policy
from selbox.binary.package import read_package
from selbox.cli.main import main
from selbox.compiler.options import CompileOptions
from selbox.compiler.text.cil import policy_to_cil
from selbox.compiler.text.module import module_to_cil
from selbox.compiler.text.policylanguage import policy_to_language
from selbox.store.permissionmaps import OWN_MAP

LEDGER = tomllib.loads((Path(__file__).parent / "expected_differences.toml").read_text())
TEXTS = {"cil": (CIL, policy_to_cil), "policy language": (LANGUAGE, policy_to_language)}
TEXT_ENTRIES = [pytest.param(each, id=each["name"]) for each in LEDGER["checkpolicy"]]
ENTRIES = [pytest.param(each, id=each["name"]) for each in LEDGER["secilc"]]
COMMAND_ENTRIES = [pytest.param(each, id=each["command"]) for each in LEDGER["setools"]]
LOG_ENTRIES = [pytest.param(each, id=each["name"]) for each in LEDGER["audit2allow"]]
MODULE_ENTRIES = [pytest.param(each, id=each["name"]) for each in LEDGER["pp"]]


@pytest.mark.oracle
@requires_secilc
@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_still_differs(entry: dict[str, Any]) -> None:
    words = entry.get("options", [])
    options = CompileOptions(multiple_declarations="-m" in words)
    ours = "refused" if errors_of(BASE, entry["policy"], options=options) else "taken"
    theirs = "refused" if compile_reference(BASE, entry["policy"], read=False, options=words).error else "taken"
    assert (ours, theirs) == (entry["ours"], entry["theirs"])
    assert ours != theirs
    assert entry["reason"]


@pytest.mark.oracle
@requires_checkpolicy
@pytest.mark.parametrize("entry", TEXT_ENTRIES)
def test_a_text_still_differs(entry: dict[str, Any]) -> None:
    binary = secilc_binary(BASE + entry["policy"], entry.get("version", 33))
    option, text_of = TEXTS[entry["language"]]
    ours = ["", *text_of(read_policy(binary, "policy")).splitlines()]
    theirs = ["", *decompile(binary, option)]
    assert entry["ours"] in ours
    assert entry["theirs"] in theirs
    assert entry["ours"] not in theirs
    assert entry["theirs"] == "" or entry["theirs"] not in ours
    assert entry["reason"]


@pytest.mark.oracle
@requires_setools
@pytest.mark.parametrize("entry", COMMAND_ENTRIES)
def test_a_command_is_still_answered_otherwise(entry: dict[str, Any], tmp_path: Path) -> None:
    program, _, words = entry["command"].replace("OWN", OWN_MAP).partition(" ")
    command = CommandLine.of(program, words)
    policy = everything(tmp_path, entry.get("policy", ""))
    ours, theirs = by_selbox(command, policy), by_setools(command, policy)
    assert ours != theirs
    assert [ours.status, len(ours.lines)] == entry["ours"]
    assert entry["reason"]


@pytest.mark.oracle
@requires_module_programs
@pytest.mark.parametrize("entry", MODULE_ENTRIES)
def test_a_module_still_differs(entry: dict[str, str]) -> None:
    content = package(f"module hand 1.0; {entry['module']}", "-M", "-m")
    ours = module_to_cil(read_package(content, "hand.pp"), "hand.pp")
    theirs, status = translated(content)
    assert entry["ours"] in ours
    assert (entry["theirs"] in theirs) if entry["theirs"] else status != 0
    assert ours != theirs
    assert entry["reason"]


@pytest.mark.oracle
@pytest.mark.skipif(shutil.which("audit2allow") is None, reason="needs Debian's policycoreutils-python-utils")
@pytest.mark.parametrize("entry", LOG_ENTRIES)
def test_a_log_still_differs(entry: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy, log = tmp_path / "policy.33", tmp_path / "log"
    policy.write_bytes(write_policy(compile_texts(SOURCE, entry.get("policy", "")), 33))
    log.write_text(f"{entry['log']}\n")
    words = ["-p", str(policy), "-i", str(log), *entry.get("options", [])]
    if "interfaces" in entry:
        info = tmp_path / "info"
        info.write_text(entry["interfaces"])
        words += ["-R", "--interface-info", str(info)]
    done = subprocess.run(
        [entry["program"], *words], capture_output=True, text=True, check=True, env={"PATH": "/usr/bin"}
    )
    assert main([entry["program"], *words]) == 0
    ours, theirs = capsys.readouterr().out.splitlines(), done.stdout.splitlines()
    for line, there, elsewhere in ((entry["ours"], ours, theirs), (entry["theirs"], theirs, ours)):
        assert not line or line in there
        assert not line or line not in elsewhere
    assert entry["reason"]
