"""``selbox shell`` on a pseudo terminal, and denials on a terminal as they come."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.enforce.boxes import environment, lacking
from tests.enforce.terminals import Terminal
from tests.patience import PATIENCE, wait_for

from selbox.cli.boxes import running_boxes
from selbox.cli.livedenials import above_line, wrapped

pytestmark = [
    pytest.mark.enforcement,
    pytest.mark.skipif(bool(lacking()), reason=lacking() or "-"),
    pytest.mark.skipif(shutil.which("bash") is None, reason="the session is bash's, and there is no bash"),
]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type bowl_t) (call file_type (bowl_t))
"""
PETS = f"pets{os.getpid()}"
SELBOX = f"{sys.executable} -m selbox"


@pytest.fixture(scope="module")
def bowl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that is denied, and beside it the policy that denies it."""
    directory = tmp_path_factory.mktemp("shell")
    (directory / "cat.cil").write_text(POLICY)
    (directory / "bowl").write_text("milk\n")
    return directory / "bowl"


def arguments(bowl: Path) -> str:
    return f"--policy {bowl.parent}/cat.cil --domain cat_t --label {bowl}=system_u:object_r:bowl_t:s0"


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal("xterm")
    terminal.expect("$ ")
    yield terminal
    terminal.close()


def test_it_is_a_shell_with_jobs_and_says_where_it_is(terminal: Terminal, bowl: Path) -> None:
    terminal.type("ls /proc/$$/fd\n")
    open_files = terminal.expect("$ ").split("\r")[-2].strip()
    terminal.type(f"{SELBOX} shell --name {PETS} {arguments(bowl)}\n")
    greeting = terminal.expect(f"\x1b[36m({PETS} cat_t)\x1b[0m ")
    assert f"box {PETS}" in greeting
    assert "bash in cat_t" in greeting
    terminal.type("id -Z; echo $SELBOX_BOX; ls /proc/$$/fd\n")
    terminal.expect(f"system_u:system_r:cat_t:s0\r\n{PETS}\r\n{open_files}\r\n")  # nothing is left of its start
    terminal.type("sleep 60\n")
    terminal.wait_for("sleep")
    terminal.type("\x1a")
    terminal.expect("Stopped")
    terminal.type("fg\n")
    terminal.expect("sleep 60\r\n")
    terminal.wait_for("sleep")
    terminal.type("\x03")
    terminal.expect(f"({PETS} cat_t)")
    terminal.type("echo status=$?\n")
    terminal.expect("status=130\r\n")
    terminal.type("sleep 60 & exit 7\n")
    terminal.expect("$ ")
    terminal.type("echo status=$?\n")
    terminal.expect("status=7\r\n")
    assert PETS not in {each.name for each in running_boxes()}


def test_a_denial_is_shown_above_the_line_that_is_typed(terminal: Terminal, bowl: Path) -> None:
    terminal.type(f"{SELBOX} shell {arguments(bowl)}\n")
    terminal.expect("(cat_t)\x1b[0m ")
    terminal.type(f"(sleep 0.5; cat {bowl} 2>/dev/null) &\n")
    terminal.expect("(cat_t)\x1b[0m ")
    terminal.type("echo ty")
    shown = terminal.expect("\x1b8\x1b[")
    assert re.search(r"(\x1bD)+\x1b\[\d+A\x1b7\x1b\[\d+L\r", shown)
    assert "denied\x1b[0m file { read }" in rows(shown)
    assert "no rule (allow cat_t bowl_t (file (read)))" in rows(shown)
    terminal.type("ped\n")
    terminal.expect("\rtyped\r\n")
    terminal.type("exit\n")
    terminal.expect("1 x ")


def rows(shown: str) -> str:
    """Return what is shown without the ends of its rows."""
    return shown.replace("\r", "").replace("\n", "")


def test_a_killed_shell_gives_the_terminal_back(terminal: Terminal, bowl: Path) -> None:
    terminal.type(f"stty tostop; {SELBOX} shell {arguments(bowl)}\n")
    terminal.expect("(cat_t)\x1b[0m ")
    terminal.type("kill -9 $$\n")
    terminal.expect("$ ")
    terminal.type("echo status=$?; stty -a | grep -o -e '-\\?icanon'\n")
    terminal.expect("status=137\r\n")
    assert not terminal.expect("icanon\r\n").endswith("-")


def test_run_shows_no_denials_when_quiet(terminal: Terminal, bowl: Path) -> None:
    terminal.type(f"{SELBOX} run --quiet {arguments(bowl)} -- sh -c 'cat {bowl}; sleep 0.5; echo end'\n")
    assert "denied\x1b" not in terminal.expect("\nend\r\n")


def test_a_storm_of_denials_is_counted_and_holds_nobody_up(terminal: Terminal, bowl: Path) -> None:
    loop = f"for i in $(seq 300); do : < {bowl}; done 2>/dev/null; echo done; sleep 1"
    start = time.monotonic()
    terminal.type(f"{SELBOX} run {arguments(bowl)} -- bash -c '{loop}'\n")
    shown = terminal.expect("$ ")
    assert 1 <= shown.count("selbox:\x1b[0m \x1b[31mdenied") < 20 + time.monotonic() - start  # once a second
    assert "300 denials" in shown


def test_a_stopped_terminal_does_not_stop_the_box(terminal: Terminal, bowl: Path) -> None:
    mark = bowl.parent / "mark"
    loop = f"echo up; sleep 0.3; for i in $(seq 50); do : < {bowl}; sleep 0.01; done 2>/dev/null; : > {mark}"
    terminal.type(f"{SELBOX} run {arguments(bowl)} --permissive -- bash -c '{loop}'; echo over\n")
    terminal.expect("\rup\r\n")
    terminal.type("\x13")  # Ctrl-S: nobody's output goes on
    wait_for(mark.exists)
    terminal.type("\x11")
    terminal.expect("\nover\r\n")


def test_without_a_terminal_it_reads_commands(bowl: Path) -> None:
    words = [sys.executable, "-m", "selbox", "shell", *arguments(bowl).split()]
    variables = environment() | {"SHELL": "/bin/bash"}
    done = subprocess.run(
        words,
        input="id -Z\ncat bowl\nexit 4\n",
        capture_output=True,
        text=True,
        check=False,
        env=variables,
        cwd=bowl.parent,
    )
    assert (done.returncode, done.stdout) == (4, "system_u:system_r:cat_t:s0\n")
    assert "1 x denied file { read }" in done.stderr
    done = subprocess.run(
        [*words, "--json"],
        input="",
        capture_output=True,
        text=True,
        check=False,
        env=variables | {"SHELL": "/bin/false"},
    )
    assert json.loads(done.stderr)["verb"] == "shell"


def test_lines_are_broken_by_what_is_seen_of_them() -> None:
    assert wrapped("\x1b[2mabcdef\x1b[0m", 4) == ["\x1b[2mabcd", "ef\x1b[0m"]
    assert wrapped("äöü", 4) == ["äö", "ü"]
    assert wrapped("", 4) == [""]
    assert above_line(["ab", "cdefg"], 4, 0) == "\x1bD\x1bD\x1bD\x1b[3A\x1b7\x1b[3L\rab\r\ncdef\r\ng\x1b8\x1b[3B"
    assert above_line(["ab", "cdefg"], 4, 4) == "\x1bD\x1bD\x1b[2A\x1b7\x1b[2L\rcdef\r\ng\x1b8\x1b[2B"


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux, which knows what a screen looks like, is not installed")
def test_a_screen_looks_right(tmp_path: Path, bowl: Path) -> None:
    """On the last line of a screen, with the cursor within what is typed."""

    def tmux(*words: str) -> str:
        program = ["tmux", "-S", str(tmp_path / "tmux"), "-f", "/dev/null", *words]
        return subprocess.run(program, capture_output=True, text=True, check=True, env=environment()).stdout

    def screen(until: str) -> str:
        end = time.monotonic() + PATIENCE
        while until not in (shown := tmux("capture-pane", "-p")):
            assert time.monotonic() < end, shown
            time.sleep(0.05)
        return shown

    tmux(
        "new-session",
        "-d",
        "-x",
        "70",
        "-y",
        "9",
        f"HISTFILE= SHELL=/bin/bash {SELBOX} shell {arguments(bowl)}; sleep 9",
    )
    try:
        screen("(cat_t) ")
        tmux("send-keys", "clear; seq 6", "Enter")
        screen("\n6\n")
        tmux("send-keys", f"(sleep 0.5; cat {bowl} 2>/dev/null) &", "Enter", "echo one three", *["Left"] * 5)
        shown = screen("no rule (allow cat_t bowl_t").rstrip().splitlines()
        assert shown[-1].endswith("echo one three")
        assert shown[-2].strip().startswith("no rule")
        tmux("send-keys", "two ")
        assert screen("two").rstrip().endswith("echo one two three")
    finally:
        tmux("kill-server")
