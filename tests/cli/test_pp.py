import bz2
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.peers import PP, WHOLE, files_of, needs, package, peer, selbox_in

from selbox.cli.main import main

pytestmark = [pytest.mark.oracle, needs("checkmodule", "semodule_package", PP)]


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory to work in, with a package."""
    package(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def expected(room: Path) -> str:
    """What pp makes of the package."""
    return peer(room, PP, "sample.pp").stdout.decode()


def test_one_package_goes_to_standard_output(room: Path, expected: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["pp", "sample.pp"]) == 0
    assert capfd.readouterr() == (expected, "")
    assert main(["pp", "sample.pp", "-"]) == 0
    assert capfd.readouterr().out == expected
    assert "sample.cil" not in files_of(room)


def test_a_second_file_is_the_output(room: Path, expected: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["pp", "sample.pp", "sample.cil"]) == 0
    assert capfd.readouterr() == ("", "")
    assert (room / "sample.cil").read_text() == expected


@pytest.mark.parametrize("words", [[], ["-"], ["-", "-"]])
@pytest.mark.parametrize("compress", [bytes, bz2.compress, gzip.compress])
def test_without_a_file_standard_input_is_read(words: list[str], compress: object, room: Path, expected: str) -> None:
    assert callable(compress)
    ended = subprocess.run(
        [sys.executable, "-m", "selbox", "pp", *words],
        input=compress((room / "sample.pp").read_bytes()),
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout.decode(), ended.stderr) == (0, expected, b"")


def test_a_module_under_another_name_is_told(room: Path, capfd: pytest.CaptureFixture[str]) -> None:
    theirs = peer(room, PP, "sample.pp", "other.cil").stderr.decode()
    assert theirs == "Warning: SELinux userspace will refer to the module from sample.pp as sample rather than other\n"
    assert main(["pp", "sample.pp", "other.cil"]) == 0
    first = capfd.readouterr().err.splitlines()[0]
    assert first == (
        "warning[module-renamed]: SELinux will refer to the module from `sample.pp` as `sample` rather than `other`"
    )


def test_many_packages_go_into_a_directory(room: Path, expected: str, capfd: pytest.CaptureFixture[str]) -> None:
    (room / "sample.pp.bz2").write_bytes(bz2.compress((room / "sample.pp").read_bytes()))
    package(room, "other")
    (room / "cil").mkdir()
    assert main(["pp", "--into", "cil", "sample.pp.bz2", "other.pp"]) == 0
    assert capfd.readouterr() == ("", "")
    assert sorted(files_of(room / "cil")) == ["other.cil", "sample.cil"]
    assert (room / "cil" / "sample.cil").read_text() == expected


def test_one_broken_package_of_many_writes_none(room: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (room / "cil").mkdir()
    (room / "cut.pp").write_bytes((room / "sample.pp").read_bytes()[:-40])
    assert main(["pp", "--into", "cil", "sample.pp", "cut.pp", "none.pp"]) == 255
    err = capfd.readouterr().err
    assert "cut.pp" in err
    assert "none.pp" in err
    assert files_of(room / "cil") == {}


def test_a_broken_package_leaves_the_output_alone(room: Path) -> None:
    (room / "cut.pp").write_bytes((room / "sample.pp").read_bytes()[:100])
    (room / "sample.cil").write_text("old")
    assert main(["pp", "cut.pp", "sample.cil"]) == 255
    assert (room / "sample.cil").read_text() == "old"


@pytest.mark.usefixtures("room")
def test_json_says_where_it_went(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pp", "--json", "sample.pp", "sample.cil"]) == 0
    assert json.loads(capsys.readouterr().out)["result"] == {"outputs": ["sample.cil"], "warnings": []}
    assert main(["pp", "--json", "sample.pp"]) == 1, "standard output cannot take both"


COMMANDS = [
    ["sample.pp", "sample.cil"],
    ["none.pp"],
    ["."],
    ["empty.pp"],
    ["whole.cil"],
    ["sample.mod"],
    ["sample.pp", "none/x"],
    ["sample.pp", "x.cil", "y.cil"],
    ["-Z"],
    ["-h"],
    ["--help"],
    ["--he"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_it_ends_as_pp_does(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    for each in (theirs, ours):
        each.mkdir()
        package(each)
        (each / "whole.cil").write_text(WHOLE)
        (each / "empty.pp").touch()
    expected = peer(theirs, PP, *words).returncode
    assert selbox_in(ours, monkeypatch, "pp", *words) == expected
    if expected == 0:
        assert files_of(ours) == files_of(theirs)


def test_a_reader_that_left_ends_it_quietly(room: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as stream:
        ended = subprocess.run(
            [sys.executable, "-m", "selbox", "pp", str(room / "sample.pp")],
            stdout=stream,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (141, b"")
