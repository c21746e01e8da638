import gzip
import json
from pathlib import Path

import pytest
from tests.cli.peers import MODULE_CONTEXTS, WHOLE, files_of, needs, package, peer, selbox_in
from tests.oracles.modulesources import base_source

from selbox.cli.main import main

pytestmark = [pytest.mark.oracle, needs("checkmodule", "semodule_package")]


COMMANDS = [
    ["-o", "a", "-m", "sample.mod"],
    ["-o", "a", "-m", "sample.mod", "-f", "sample.fc"],
    ["--outfile", "a", "--module=sample.mod", "--fc", "sample.fc", "--nc", "nc"],
    ["-oa", "-msample.mod", "-fempty"],
    ["-o", "a", "-m", "base.mod", "-s", "su", "-u", "ux", "-n", "nc", "-f", "sample.fc"],
    ["-o", "a", "-m", "base.mod", "--seuser", "su", "--user_extra", "ux"],
    ["-o", "a", "-m", "sample.mod", "-s", "su"],
    ["-o", "a", "-m", "sample.mod", "-u", "ux"],
    ["-o", "a", "-m", "sample.mod", "-o", "b"],
    ["-o", "a", "-m", "sample.mod", "-m", "base.mod"],
    ["-o", "a", "-m", "sample.mod", "-f", "sample.fc", "-f", "sample.fc"],
    [],
    ["-o", "a"],
    ["-m", "sample.mod"],
    ["-o", "a", "-m", "none"],
    ["-o", "a", "-m", "sample.mod", "-f", "none"],
    ["-o", "a", "-m", "."],
    ["-o", "a", "-m", "empty"],
    ["-o", "a", "-m", "cut.mod"],
    ["-o", "a", "-m", "sample.pp"],
    ["-o", "a", "-m", "whole.cil"],
    ["-o", "none/a", "-m", "sample.mod"],
    ["-h"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_it_does_as_semodule_package_does(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    for each in (theirs, ours):
        each.mkdir()
        package(each)
        (each / "base.te").write_text(base_source(21, mls=True))
        assert peer(each, "checkmodule", "-M", "-o", "base.mod", "base.te").returncode == 0
        (each / "cut.mod").write_bytes((each / "sample.mod").read_bytes()[:-90])
        (each / "whole.cil").write_text(WHOLE)
        (each / "empty").touch()
        for name, text in (("su", "u:u:s0\n"), ("ux", "user u prefix user;\n"), ("nc", "x\n")):
            (each / name).write_text(text)
    expected = peer(theirs, "semodule_package", *words).returncode
    assert selbox_in(ours, monkeypatch, "semodule_package", *words) == expected
    if expected == 0:
        assert files_of(ours) == files_of(theirs)
    else:
        assert not {"a", "b"} & set(files_of(ours)), "nothing is written when anything is wrong"


@pytest.mark.parametrize("more", ["b", "-q"])
def test_what_is_too_much_is_refused(more: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path)
    words = ["-o", "a", "-m", "sample.mod", more]
    assert peer(tmp_path, "semodule_package", *words).returncode == 0, "the original passes over it"
    (tmp_path / "a").unlink()
    assert selbox_in(tmp_path, monkeypatch, "semodule_package", *words) == 1
    assert "a" not in files_of(tmp_path)


def test_compressed_files_are_read_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = package(tmp_path)
    (tmp_path / "m").write_bytes(gzip.compress((tmp_path / "sample.mod").read_bytes()))
    (tmp_path / "f").write_bytes(gzip.compress(MODULE_CONTEXTS.encode()))
    monkeypatch.chdir(tmp_path)
    assert main(["semodule_package", "--json", "-o", "a", "-m", "m", "-f", "f"]) == 0
    assert json.loads(capsys.readouterr().out)["result"] == {
        "output": "a",
        "module": "sample",
        "version": "1.0",
        "warnings": [],
    }
    assert (tmp_path / "a").read_bytes() == made.read_bytes()
