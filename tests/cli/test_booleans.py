"""Booleans of a policy that is given; beside the originals in a box they are in test_compute."""

import bz2
import json
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.peers import WHOLE, needs

from selbox.cli.main import main

CONDITIONS = """
(type b_t) (type c_t) (roletype r b_t)
(boolean day {day}) (boolean night {night})
(booleanif day (true (allow a_t b_t (file (read))) (typetransition a_t b_t process c_t))
               (false (allow a_t b_t (file (write)))))
(booleanif (xor day night) (true (allow b_t a_t (file (read)))) (false (auditallow b_t b_t (file (read)))))
(booleanif (and day (not night)) (true (allow c_t c_t (file (read)))))
"""

Run = Callable[..., int]


def text(day: bool, night: bool) -> str:
    return WHOLE + CONDITIONS.format(day=str(day).lower(), night=str(night).lower())


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run selbox in a directory with a compiled policy, ``policy``, by day."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SELBOX_POLICY", raising=False)
    Path("policy.cil").write_text(text(True, False))
    assert main(["compile", "policy.cil", "-o", "policy"]) == 0
    return lambda *words: main(words)


def compiled(day: bool, night: bool) -> bytes:
    Path("other.cil").write_text(text(day, night))
    assert main(["compile", "other.cil", "-o", "other"]) == 0
    return Path("other").read_bytes()


@pytest.mark.parametrize(("day", "night"), [(True, True), (False, True), (False, False), (True, False)])
def test_the_policy_becomes_the_one_that_has_these_defaults(run: Run, day: bool, night: bool) -> None:
    assert run("setsebool", "--policy", "policy", f"day={int(day)}", f"night={'on' if night else 'OFF'}") == 0
    assert Path("policy").read_bytes() == compiled(day, night)


@pytest.mark.oracle
@needs("secilc")
@pytest.mark.parametrize("version", [24, 30, 33])
def test_it_is_what_secilc_makes_of_these_defaults(run: Run, version: int) -> None:
    def compile_with_secilc(day: bool, night: bool, output: str) -> bytes:
        Path("peer.cil").write_text(text(day, night))
        subprocess.run(["secilc", "-c", str(version), "-o", output, "-f", "/dev/null", "peer.cil"], check=True)
        return Path(output).read_bytes()

    compile_with_secilc(True, False, "mine")
    assert run("setsebool", "--policy", "mine", "day=0", "night=1") == 0
    assert Path("mine").read_bytes() == compile_with_secilc(False, True, "peers")


def test_a_value_is_set_and_shown(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("getsebool", "-a", "--policy", "policy") == 0
    assert capsys.readouterr().out.endswith("day --> on\nnight --> off\n")
    assert run("setsebool", "--policy", "policy", "night", "true") == 0
    assert capsys.readouterr() == ("", "")
    assert run("getsebool", "--policy", "policy", "--json", "night") == 0
    result = json.loads(capsys.readouterr().out)["result"]
    assert result == {"booleans": [{"name": "night", "active": True, "pending": True}]}


def test_another_file_is_written_and_the_policy_stays(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    before = Path("policy").read_bytes()
    capsys.readouterr()
    assert run("setsebool", "--json", "--policy", "policy", "-P", "-N", "-V", "-o", "new", "day", "0") == 0
    result = json.loads(capsys.readouterr().out)["result"]
    assert Path("policy").read_bytes() == before
    assert Path("new").read_bytes() == compiled(False, False)
    assert result == {
        "outputs": ["new"],
        "booleans": {"day": False},
        "warnings": [],
    }


def test_mode_and_links_of_the_policy_stay(run: Run, tmp_path: Path) -> None:
    Path("policy").chmod(0o640)
    Path("link").symlink_to("policy")
    assert run("setsebool", "--policy", "link", "day", "0") == 0
    assert Path("link").is_symlink()
    assert stat.S_IMODE((tmp_path / "policy").stat().st_mode) == 0o640
    assert Path("policy").read_bytes() == compiled(False, False)


def test_the_file_of_places_is_brought_along(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("compile", "--origins", "policy.cil", "-o", "policy") == 0
    assert run("setsebool", "--policy", "policy", "day", "0") == 0
    assert run("setsebool", "--policy", "policy", "-o", "new", "day", "1") == 0
    capsys.readouterr()
    for name in ("policy", "new"):
        assert run("check", name) == 0
        assert "origins" not in capsys.readouterr().out
    assert run("setsebool", "--policy", "policy", "-o", "/dev/null", "day", "1") == 0
    assert not Path("/dev/null.origins").exists()


def test_another_policy_s_places_stay_and_are_told_of(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("compile", "--origins", "policy.cil", "-o", "policy") == 0
    compiled(True, True)
    Path("other.origins").write_bytes(Path("policy.origins").read_bytes())
    capsys.readouterr()
    assert run("setsebool", "--policy", "other", "day", "0") == 0
    assert "origins-other-binary" in capsys.readouterr().err
    assert Path("other.origins").read_bytes() == Path("policy.origins").read_bytes()


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("day=1", "nigth=0"), 255, "did you mean `night`?"),
        (("day=1", "night"), 255, "`=` not found in boolean expression `night`"),
        (("day=2",), 255, "illegal value `2` for boolean `day`"),
        (("day=",), 255, "illegal value `` for boolean `day`"),
        (("day",), 1, "give one boolean and its value"),
        (("day", "1", "night"), 1, "give one boolean and its value"),
        (("-X", "day", "1"), 1, "`-X` is not an option"),
        (("-o", "nowhere/x", "day", "0"), 255, "there is no directory `nowhere`"),
    ],
)
def test_nothing_is_changed_when_something_is_wrong(
    run: Run, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], status: int, said: str
) -> None:
    before = Path("policy").read_bytes()
    capsys.readouterr()
    assert run("setsebool", "--policy", "policy", *words) == status
    assert said in capsys.readouterr().err
    assert Path("policy").read_bytes() == before


def test_only_a_kernel_policy_that_is_not_compressed_can_be_replaced(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("setsebool", "--policy", "policy.cil", "day", "0") == 255
    assert "selbox compile" in capsys.readouterr().err
    Path("policy.bz2").write_bytes(bz2.compress(Path("policy").read_bytes()))
    assert run("setsebool", "--policy", "policy.bz2", "day", "0") == 255
    assert "name another file with -o" in capsys.readouterr().err
    assert run("setsebool", "--policy", "policy.bz2", "-o", "new", "day", "0") == 0
    assert Path("new").read_bytes() == compiled(False, False)


def test_an_output_needs_a_policy(run: Run) -> None:
    assert run("setsebool", "-o", "new", "day", "0") == 1


def test_booleans_that_are_there_are_shown_before_the_one_that_is_not(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run("getsebool", "--policy", "policy", "night", "nigth", "day") == 255
    output, errors = capsys.readouterr()
    assert output == "night --> off\n"
    assert "did you mean `night`?" in errors


def test_a_policy_may_have_no_booleans(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    Path("plain.cil").write_text(WHOLE)
    assert run("getsebool", "--policy", "plain.cil", "-a") == 0
    assert capsys.readouterr().out.endswith("No booleans\n")
