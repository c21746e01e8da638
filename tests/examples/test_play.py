import subprocess
import sys
from pathlib import Path

import play
import pytest
from scenes import SCENES, Outcome, Scene

from selbox.diagnostics import SelboxError
from selbox.enforce.launch import missing_support
from selbox.server.securityserver import SecurityServer
from selbox.store.policyfiles import load_policy


@pytest.fixture(scope="module")
def server() -> SecurityServer:
    return SecurityServer(load_policy([play.POLICY]))


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: f"{scene.pet.name}-{scene.food.name}")
def test_the_policy_decides_as_the_book_does(scene: Scene, server: SecurityServer) -> None:
    outcome = play.decide(scene, server)
    assert outcome.is_by_the_book
    assert bool(outcome.because) is not scene.eats
    assert (outcome.pet_label, outcome.food_label) == (scene.pet.context, scene.food.context)


def test_without_enforcement_it_is_decided_and_says_so_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise SelboxError.of("enforcement-unavailable", "processes cannot be supervised here: no seccomp")

    monkeypatch.setattr(play, "run_box", refuse)
    assert play.main([]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "Decided without processes: processes cannot be supervised here: no seccomp."


def test_another_failure_is_shown_and_exits_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise SelboxError.of("program-not-found", "there is no program `cat` on PATH")

    monkeypatch.setattr(play, "run_box", fail)
    assert play.main([]) == 1
    assert "error[program-not-found]" in capsys.readouterr().err


def test_a_verdict_against_the_book_exits_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play, "play_book", lambda _: ("how", [Outcome(SCENES[0], False, "u:r:t:s0", "u:r:t:s0")]))
    assert play.main([]) == 1


@pytest.mark.enforcement
@pytest.mark.skipif(bool(missing_support()), reason=f"no enforcement: {missing_support()}")
def test_played_with_processes_every_verdict_is_the_book_s(tmp_path: Path) -> None:
    picture = tmp_path / "book.svg"
    ended = subprocess.run(
        [sys.executable, play.__file__, "--picture", picture], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[0] == play.PLAYED
    assert f"{len(SCENES)} of {len(SCENES)} verdicts are the book's." in ended.stdout
    assert picture.read_text().startswith("<svg")
