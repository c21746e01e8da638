import gzip
import json
import shutil
from pathlib import Path

import pytest
from tests.cli.peers import WHOLE, files_of, needs, peer, selbox_in

from selbox.cli.main import main


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory to work in, with kernel policies: one without levels, one with."""
    (tmp_path / "whole.cil").write_text(WHOLE)
    monkeypatch.chdir(tmp_path)
    assert main(["secilc", "-M", "false", "-o", "plain", "-f", "/dev/null", "whole.cil"]) == 0
    assert main(["secilc", "-M", "true", "-o", "levels", "-f", "/dev/null", "whole.cil"]) == 0
    return tmp_path


@pytest.mark.usefixtures("room")
def test_a_sound_policy_is_passed_over_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["checkpolicy", "-b", "plain"]) == 0
    assert main(["checkpolicy", "-bM", "levels"]) == 0
    assert capfd.readouterr() == ("", "")


def test_without_a_file_the_policy_is_called_policy(room: Path) -> None:
    assert main(["checkpolicy", "-b"]) == 1
    shutil.copy(room / "plain", room / "policy")
    assert main(["checkpolicy", "-b"]) == 0


@pytest.mark.usefixtures("room")
def test_levels_are_to_be_announced(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["checkpolicy", "-b", "levels"]) == 1
    assert "add -M" in capfd.readouterr().err
    assert main(["checkpolicy", "-b", "-M", "plain"]) == 1
    assert "leave out -M" in capfd.readouterr().err


@pytest.mark.usefixtures("room")
def test_it_writes_cil_and_the_policy_language(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["checkpolicy", "-b", "-C", "-o", "-", "plain"]) == 0
    assert "(allow a_t self (file (read)))" in capfd.readouterr().out
    assert main(["checkpolicy", "-bF", "-o", "plain.conf", "plain"]) == 0
    assert "allow a_t self:file" in Path("plain.conf").read_text()


def test_what_was_written_as_cil_is_compiled_to_the_same(room: Path) -> None:
    assert main(["checkpolicy", "-bM", "-C", "-o", "again.cil", "levels"]) == 0
    assert main(["secilc", "-o", "again", "-f", "/dev/null", "again.cil"]) == 0
    assert (room / "again").read_bytes() == (room / "levels").read_bytes()


def test_a_policy_is_written_in_another_version(room: Path) -> None:
    assert main(["checkpolicy", "-b", "-c", "30", "-o", "p30", "plain"]) == 0
    assert main(["checkpolicy", "-b", "-o", "p33", "p30"]) == 0
    assert int.from_bytes((room / "p30").read_bytes()[16:20], "little") == 30
    assert (room / "p33").read_bytes() == (room / "plain").read_bytes()


REDUNDANT = """
(type b_t) (typeattribute all_t) (typeattributeset all_t (a_t b_t)) (expandtypeattribute (all_t) false)
(allow all_t b_t (file (read write)))
(allow a_t b_t (file (read)))
(allow a_t b_t (process (fork)))
(portcon tcp (70 90) (u r a_t ((s0) (s0))))
(portcon tcp 80 (u r a_t ((s0) (s0))))
"""


@pytest.mark.oracle
@needs("checkpolicy")
@pytest.mark.parametrize("options", ["-bO", "-bS", "-bOS"])
def test_what_it_writes_again_says_what_checkpolicy_s_does(options: str, room: Path) -> None:
    (room / "more.cil").write_text(REDUNDANT)
    assert main(["secilc", "-o", "given", "-f", "/dev/null", "whole.cil", "more.cil"]) == 0
    assert peer(room, "checkpolicy", options, "-o", "theirs", "given").returncode == 0
    assert main(["checkpolicy", options, "-o", "ours", "given"]) == 0
    # Rules are in a hash table's order there, and in the file's here: checkpolicy reads both, to be compared.
    for each in ("ours", "theirs"):
        assert peer(room, "checkpolicy", "-b", "-C", "-o", f"{each}.cil", each).returncode == 0
    assert (room / "ours.cil").read_text() == (room / "theirs.cil").read_text()
    assert (room / "ours").stat().st_size == (room / "theirs").stat().st_size
    for language in "CF":
        assert peer(room, "checkpolicy", f"{options}{language}", "-o", "theirs.text", "given").returncode == 0
        assert main(["checkpolicy", f"{options}{language}", "-o", "ours.text", "given"]) == 0
        ours = [line for line in (room / "ours.text").read_text().splitlines() if "expandtypeattribute" not in line]
        assert ours == (room / "theirs.text").read_text().splitlines()
    assert main(["compile", "given", "--optimize", "-o", "compiled"]) == 0
    if options == "-bO":
        assert (room / "compiled").read_bytes() == (room / "ours").read_bytes()
        assert (room / "compiled").stat().st_size < (room / "given").stat().st_size


def test_compressed_policies_are_read_as_they_are(room: Path) -> None:
    (room / "odd.name").write_bytes(gzip.compress((room / "plain").read_bytes()))
    assert main(["checkpolicy", "-b", "odd.name"]) == 0


def test_a_broken_policy_leaves_the_output_alone(room: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (room / "cut").write_bytes((room / "plain").read_bytes()[:100])
    (room / "out").write_bytes(b"old")
    assert main(["checkpolicy", "-b", "-o", "out", "cut"]) == 1
    assert "error[binary-" in capfd.readouterr().err
    assert (room / "out").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["plain"], "compiling the policy language is not there yet"),
        (["-b", "-d", "plain"], "debugging menu"),
        (["-F", "plain"], "add -b"),
        (["-b", "-C", "plain"], "no file to write CIL to"),
        (["-b", "-C", "-F", "-o", "x", "plain"], "-C and -F"),
        (["-b", "whole.cil"], "is text, not a kernel policy"),
        (["-b", "-c", "36", "plain"], "24 to 35"),
        (["-b", "-t", "none", "plain"], "neither `selinux` nor `xen`"),
        (["-b", "plain", "plain"], "is not an argument"),
        (["--json", "-b", "-o", "-", "plain"], "one thing only"),
    ],
)
@pytest.mark.usefixtures("room")
def test_what_cannot_be_is_told(words: list[str], message: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["checkpolicy", *words]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert message in err


def test_versions_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["checkpolicy", "-V"]) == 0
    assert capsys.readouterr().out == "33 (compatibility range 35-24)\n"
    assert main(["checkpolicy", "--json", "-V", "-c", "30"]) == 0
    assert json.loads(capsys.readouterr().out)["result"] == {"version": 30, "newest": 35, "oldest": 24}


P = ["plain"]
COMMANDS = [
    ["-b", *P],
    ["-b", "-M", *P],
    ["-b", "levels"],
    ["-bM", "levels"],
    ["-b", "-o", "x", *P],
    ["-bo", "x", *P],
    ["-b", "-C", *P],
    ["-b", "-C", "-o", "x.cil", *P],
    ["-b", "-F", *P],
    ["-b", "-F", "-o", "x.conf", *P],
    ["-b", "-C", "-F", "-o", "x", *P],
    ["-b", "-c", "24", "-o", "x", *P],
    ["-b", "-c", "99", *P],
    ["-b", "-c", "x", *P],
    ["-b", "-o", "none/x", *P],
    ["-b", "-o", "/dev/full", *P],
    ["-b", *P, *P],
    ["-b", "none"],
    ["-b", "."],
    ["-b", "whole.cil"],
    ["-b", "empty"],
    ["-b"],
    ["-b", "-U", "none", *P],
    ["-b", "-U", "Allow", *P],
    ["-b", "-S", "-O", "-o", "x", *P],
    ["-b", "-E", *P],
    ["-b", "-t", "xen", *P],
    ["-b", "-t", "none", *P],
    ["-V"],
    ["-Z"],
    ["-h"],
    ["--help"],
    ["--bin", *P],
    ["-F", *P],
    ["-b", "-d", *P],
    ["-b", "-"],
]


@pytest.mark.oracle
@needs("checkpolicy")
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_it_ends_as_checkpolicy_does(words: list[str], room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (room / "empty").touch()
    theirs = room / "theirs"
    theirs.mkdir()
    for each in ("whole.cil", "plain", "levels", "empty"):
        shutil.copy(room / each, theirs)
    expected = peer(theirs, "checkpolicy", *words).returncode
    assert selbox_in(room, monkeypatch, "checkpolicy", *words) == expected
    if expected == 0:
        assert set(files_of(room)) == set(files_of(theirs)), "files go by the same names"
