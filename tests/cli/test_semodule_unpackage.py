import json
import lzma
from pathlib import Path

import pytest
from tests.cli.peers import WHOLE, files_of, needs, package, peer, selbox_in

from selbox.cli.main import main

pytestmark = [pytest.mark.oracle, needs("checkmodule", "semodule_package", "semodule_unpackage")]


COMMANDS = [
    ["sample.pp", "m.mod"],
    ["sample.pp", "m.mod", "m.fc"],
    ["bare.pp", "m.mod", "m.fc"],
    [],
    ["sample.pp"],
    ["sample.pp", "a", "b", "c"],
    ["none.pp", "a"],
    [".", "a"],
    ["empty.pp", "a"],
    ["cut.pp", "a", "b"],
    ["sample.mod", "a", "b"],
    ["whole.cil", "a", "b"],
    ["sample.pp", "none/a"],
    ["-h"],
    ["-", "a"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_it_does_as_semodule_unpackage_does(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    for each in (theirs, ours):
        each.mkdir()
        whole = package(each)
        package(each, "bare", contexts="")
        (each / "cut.pp").write_bytes(whole.read_bytes()[:-9000])
        (each / "whole.cil").write_text(WHOLE)
        (each / "empty.pp").touch()
    expected = peer(theirs, "semodule_unpackage", *words).returncode
    if len(words) == 4:  # the original takes what is too much for the first names there are
        expected = 1
    assert selbox_in(ours, monkeypatch, "semodule_unpackage", *words) == expected
    if expected == 0:
        assert files_of(ours) == files_of(theirs)
    else:
        assert not {"a", "b"} & set(files_of(ours)), "nothing is written when anything is wrong"


def test_when_the_second_output_fails_the_first_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path)
    assert selbox_in(tmp_path, monkeypatch, "semodule_unpackage", "sample.pp", "a", "none/b") == 1
    assert "a" not in files_of(tmp_path)


def test_compressed_packages_are_read_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = package(tmp_path)
    (tmp_path / "odd.name").write_bytes(lzma.compress(made.read_bytes()))
    monkeypatch.chdir(tmp_path)
    assert main(["semodule_unpackage", "--json", "odd.name", "m", "f"]) == 0
    assert json.loads(capsys.readouterr().out)["result"] == {"outputs": ["m", "f"], "warnings": []}
    assert (tmp_path / "m").read_bytes() == (tmp_path / "sample.mod").read_bytes()
    assert (tmp_path / "f").read_bytes() == (tmp_path / "sample.fc").read_bytes()
