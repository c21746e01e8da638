import os
import time
from io import StringIO

import pytest
from tests.patience import wait_for

from selbox.cli.progress import Progress


class FakeTerminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _able_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")


def test_who_watches_long_sees_the_stage() -> None:
    stream = FakeTerminal()
    with Progress(stream, patience=0) as progress:
        progress.stage("reading [red].cil")
        wait_for(lambda: "reading [red].cil" in stream.getvalue())
        progress.stage("compiling")
        wait_for(lambda: "compiling" in stream.getvalue())
    assert "\x1b[2K" in stream.getvalue(), "the line is taken away"


def test_what_is_quick_shows_nothing() -> None:
    stream = FakeTerminal()
    with Progress(stream, patience=30) as progress:
        progress.stage("compiling")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("stream", [StringIO(), FakeTerminal()])
def test_where_nobody_watches_nothing_is_shown(stream: StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "TERM", "dumb")
    with Progress(stream, patience=0) as progress:
        progress.stage("compiling")
        time.sleep(0.05)
    assert stream.getvalue() == ""


def test_a_log_has_a_line_for_each_stage() -> None:
    stream = StringIO()
    with Progress(stream, log=True) as progress:
        progress.stage("reading a.cil")
        progress.stage("compiling")
    assert stream.getvalue() == "reading a.cil\ncompiling\n"
