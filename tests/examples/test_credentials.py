import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
import rich
import stage
from channels import Keys, listed_id, make_memory, make_queue, open_memory, open_queue, read_memory, receive
from ledger import draw_ledger
from rich.console import Console
from story import CHANNELS, SCENES, WORLDS, Outcome, Scene, Verdict, verdict_on
from tests.patience import PATIENCE, wait_for

from selbox.enforce.launch import missing_support
from selbox.store.policyfiles import load_policy

EXAMPLE = Path(stage.__file__).parent
SOURCE = Path(__file__).parents[2] / "src"
LIBRARIES = Path(rich.__file__).parents[1]
NOBODY = 65534
enforced = pytest.mark.skipif(bool(missing_support()), reason=f"no enforcement: {missing_support()}")


def environment() -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
        "PYTHONPATH": f"{SOURCE}:{LIBRARIES}",
        "COLUMNS": "300",
        "HOME": "/",
        "XDG_CACHE_HOME": os.environ["XDG_CACHE_HOME"],
        "LC_ALL": "C.UTF-8",
    }


def run(*command: str, timeout: float = 120) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, capture_output=True, text=True, timeout=timeout, check=False, cwd="/", env=environment()
    )


def as_user(user: int | None) -> list[str]:
    """Return the beginning of a command line: a Python that the user can run and that has what the play needs."""
    if user is None:
        return [sys.executable]
    become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    check = (
        "import selbox.store.policyfiles, rich.console, subprocess, sys; subprocess.check_call([sys.executable, '-V'])"
    )
    for python in (sys.executable, shutil.which("python3", path=environment()["PATH"])):
        if python and run(*become, python, "-c", check).returncode == 0:
            return [*become, python]
    pytest.skip("no Python that another user can run")


# --- Decided ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def decided() -> list[Outcome]:
    return stage.decide(load_policy([str(EXAMPLE / "credentials.cil")]))


def test_three_channels_in_three_worlds_and_a_friend() -> None:
    story = [(each.world.enforcing, each.guest.name, each.expected) for each in SCENES]
    assert story == [
        expected
        for expected in (
            (None, "thief", Verdict.TAKEN),
            (False, "thief", Verdict.RECORDED),
            (True, "thief", Verdict.DENIED),
            (True, "friend", Verdict.TAKEN),
        )
        for _ in CHANNELS
    ]


@pytest.mark.parametrize(
    ("number", "scene"),
    list(enumerate(SCENES)),
    ids=[f"{each.world.title}-{each.guest.name}-{each.channel.name}" for each in SCENES],
)
def test_the_policy_decides_as_the_story_goes(decided: list[Outcome], number: int, scene: Scene) -> None:
    outcome = decided[number]
    assert (outcome.scene, outcome.verdict) == (scene, scene.expected)
    assert bool(outcome.because) is (scene.expected in (Verdict.RECORDED, Verdict.DENIED))


@pytest.mark.parametrize(
    ("took", "denials", "verdict"),
    [(True, 0, Verdict.TAKEN), (True, 1, Verdict.RECORDED), (False, 1, Verdict.DENIED), (False, 0, Verdict.LOST)],
)
def test_verdicts(took: bool, denials: int, verdict: Verdict) -> None:
    assert verdict_on(took, denials) is verdict


# --- Drawn ------------------------------------------------------------------------------------------------------------


def drawn(outcomes: list[Outcome], width: int) -> str:
    console = Console(file=StringIO(), width=width)
    with console.capture() as capture:
        console.print(draw_ledger(outcomes, "how it was played"))
    return capture.get()


@pytest.mark.parametrize("width", [80, 120])
def test_the_ledger_tells_who_tried_what_with_which_labels_and_the_verdict(decided: list[Outcome], width: int) -> None:
    shown = drawn(decided, width)
    assert shown.splitlines()[0].rstrip() == "how it was played"
    assert all(world.title in shown for world in WORLDS)
    for context in ("system_r:thief_t:s0", "system_r:friend_t:s0", "system_r:vault_t:s0", "object_r:vault_socket_t:s0"):
        assert f"system_u:{context}" in shown
    assert shown.count(" DENIED ") == len(CHANNELS)
    assert shown.count(" TAKEN, AND RECORDED ") == len(CHANNELS)
    assert "no rule (allow thief_t vault_socket_t (sock_file (write)))" in shown
    assert max(map(len, shown.splitlines())) <= width
    assert "12 of 12 verdicts are as expected." in shown


def test_a_verdict_against_the_story_is_shown_as_such(decided: list[Outcome]) -> None:
    shown = drawn([*decided[:-1], decided[-1]._replace(verdict=Verdict.DENIED)], 80)
    assert "The story goes otherwise: taken." in shown
    assert "11 of 12 verdicts are as expected." in shown


# --- Channels ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def keys() -> Iterator[Keys]:
    keys = Keys.fresh()
    yield keys
    keys.remove()


def test_what_is_offered_is_found_by_key_and_by_listing_and_can_be_removed(keys: Keys) -> None:
    make_memory(keys.memory, b"in memory")
    make_queue(keys.queue, b"in a message")
    assert listed_id("shm", keys.memory) == open_memory(keys.memory)
    assert listed_id("msg", keys.queue) == open_queue(keys.queue)
    assert read_memory(open_memory(keys.memory)) == b"in memory"
    assert receive(open_queue(keys.queue)) == b"in a message"
    keys.remove()
    assert not is_offered(keys)
    keys.remove()


def is_offered(keys: Keys) -> bool:
    for table, key in (("shm", keys.memory), ("msg", keys.queue)):
        try:
            listed_id(table, key)
        except FileNotFoundError:
            continue
        return True
    return False


# --- Played -----------------------------------------------------------------------------------------------------------


@pytest.mark.enforcement
@enforced
@pytest.mark.parametrize(
    "user",
    [
        pytest.param(None, id="own user"),
        pytest.param(
            NOBODY, id="nobody", marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another")
        ),
    ],
)
def test_played_with_processes_every_verdict_is_as_expected(user: int | None) -> None:
    ended = run(*as_user(user), str(EXAMPLE / "play.py"))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[0].startswith("Played with real processes")
    assert "12 of 12 verdicts are as expected." in ended.stdout
    recorded = [line for line in ended.stdout.splitlines() if "type=AVC" in line and "permissive=1" in line]
    # What a thief meets on its way, in the kernel's order: hooks of ipcget, shmat, msgrcv and unix_stream_connect.
    assert [re.sub(r".*\{ (\w+) \}.* tclass=(\w+) .*", r"\1 \2", line) for line in recorded] == [
        *("associate shm", "unix_read shm", "read shm"),
        *("associate msgq", "unix_read msgq", "read msgq", "receive msg"),
        *("write sock_file", "connectto unix_stream_socket"),
    ]


@pytest.mark.enforcement
@enforced
def test_where_processes_cannot_be_supervised_it_is_decided_and_says_so_first() -> None:
    # A process has one supervisor: in a box the kernel refuses another.
    ended = run(sys.executable, "-m", "selbox", "run", "--", sys.executable, str(EXAMPLE / "play.py"))
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[0].startswith("Decided without processes: they cannot be supervised here: ")
    assert "12 of 12 verdicts are as expected." in ended.stdout


@pytest.mark.enforcement
@enforced
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("world", range(len(WORLDS)))
def test_nothing_is_left_behind_when_it_is_ended(
    keys: Keys, world: int, number: signal.Signals, tmp_path: Path
) -> None:
    story = tmp_path / "story"
    shutil.copytree(EXAMPLE, story)
    (story / "thief.py").write_text("import time\ntime.sleep(1000)\n")  # it does not end before it is told to
    script = (
        f"import sys, channels; channels.Keys.fresh = classmethod(lambda cls: cls{tuple(keys)});"
        f"import stage; stage.WORLDS = stage.WORLDS[{world}:{world + 1}];"
        "import play; sys.exit(play.main([]))"
    )
    environ = environment() | {"PYTHONPATH": f"{story}:{environment()['PYTHONPATH']}"}
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd="/",
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(lambda: is_offered(keys))
    os.killpg(process.pid, number)
    assert process.wait(PATIENCE) != 0
    wait_for(lambda: not is_offered(keys))
