"""``selbox install-links``."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import selbox
from selbox.cli.main import main
from selbox.cli.registry import VERBS

KNOWN = [name for name, entry in VERBS.items() if entry.known]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program as pip makes it."""
    path = tmp_path / "bin" / "selbox"
    path.parent.mkdir()
    path.write_text(f"#!{sys.executable}\nimport sys\nfrom selbox.cli.main import main\nsys.exit(main())\n")
    path.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(path)])
    monkeypatch.setenv("PYTHONPATH", str(Path(selbox.__file__).parent.parent))
    return path


@pytest.mark.usefixtures("program")
def test_a_link_is_the_verb_of_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["install-links", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith(f"{len(KNOWN)} links in {tmp_path}: ")
    done = subprocess.run([str(tmp_path / "seinfo"), "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"selbox {selbox.__version__}\n"
    done = subprocess.run([str(tmp_path / "sesearch")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "at least one rule type" in done.stderr


def test_every_verb_that_says_whose_work_it_does_can_be_a_link() -> None:
    assert [name for name, entry in VERBS.items() if entry.summary.endswith(f", as {name} does")] == KNOWN


def test_links_that_are_there_stay(tmp_path: Path, program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["install-links", str(tmp_path), "seinfo"])
    capsys.readouterr()
    assert main(["install-links", "--json", str(tmp_path), "seinfo", "sesearch"]) == 0
    result = json.loads(capsys.readouterr().out)["result"]
    assert result == {"directory": str(tmp_path), "made": ["sesearch"], "kept": ["seinfo"]}
    assert os.readlink(tmp_path / "sesearch") == str(program)


@pytest.mark.usefixtures("program")
def test_nothing_is_made_where_something_else_is_in_the_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sesearch").write_text("another")
    assert main(["install-links", str(tmp_path), "seinfo", "sesearch"]) == 1
    assert "sesearch` is there already" in capsys.readouterr().err
    assert not (tmp_path / "seinfo").exists()
    assert main(["install-links", "--force", str(tmp_path), "seinfo", "sesearch"]) == 0
    assert (tmp_path / "sesearch").is_symlink()


@pytest.mark.usefixtures("program")
def test_a_directory_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "seinfo").mkdir()
    assert main(["install-links", "--force", str(tmp_path), "seinfo"]) == 1


def test_other_names_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["install-links", str(tmp_path), "seserach"]) == 2
    assert "did you mean `sesearch`?" in capsys.readouterr().err
    assert main(["install-links"]) == 2


def test_the_names_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["install-links", "--list"]) == 0
    assert capsys.readouterr().out.split() == KNOWN


def test_without_a_program_there_are_no_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["-c"])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert main(["install-links", str(tmp_path)]) == 1
    assert "no `selbox` beside" in capsys.readouterr().err


@pytest.mark.usefixtures("program")
def test_a_directory_that_is_not_there_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["install-links", str(tmp_path / "local" / "bin"), "seinfo"]) == 0
    assert (tmp_path / "local" / "bin" / "seinfo").is_symlink()
    (tmp_path / "file").touch()
    assert main(["install-links", str(tmp_path / "file"), "seinfo"]) == 1
    assert f"cannot make links in `{tmp_path / 'file'}`" in capsys.readouterr().err
