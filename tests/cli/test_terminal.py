import io
import os
import pty
from collections.abc import Iterator
from typing import TextIO

import pytest

from selbox.cli.terminal import WIDTH_WITHOUT_TERMINAL, Terminal


@pytest.fixture
def terminal_stream() -> Iterator[TextIO]:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as stream:
        yield stream
    os.close(ours)


def test_a_stream_in_memory_has_no_colour() -> None:
    assert Terminal.of(io.StringIO(), {}) == Terminal(colour=False, width=WIDTH_WITHOUT_TERMINAL)


@pytest.mark.parametrize(
    ("environment", "colour"),
    [
        ({}, True),
        ({"NO_COLOR": ""}, True),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm"}, True),
    ],
)
def test_a_terminal_has_colour_unless_the_user_says_no(
    terminal_stream: TextIO, environment: dict[str, str], colour: bool
) -> None:
    assert Terminal.of(terminal_stream, environment).colour is colour


def test_paint_writes_sgr_only_in_colour() -> None:
    assert Terminal(True, 80).paint("x", "1", "31") == "\x1b[1;31mx\x1b[0m"
    assert Terminal(False, 80).paint("x", "1", "31") == "x"
    assert Terminal(True, 80).paint("", "1") == ""
