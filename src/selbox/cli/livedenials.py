"""Denials on a person's terminal as they come, without harm to what else is on it.

The terminal may be stopped (Ctrl-S), and a program may have the whole screen. So they are written by a thread, which
may wait:

* while a program takes whole lines, between its own output;
* while a shell edits a line, above it: the terminal is told to make room there, and the shell need not know;
* not while any other program has the terminal in raw mode: it owns the screen. They are kept until it is done.

Equal denials are counted together, and shown every second at most.
"""

import os
import re
import signal
import sys
import termios
import threading
import time

from selbox.cli.denialtext import denial_lines, with_object_name
from selbox.cli.terminal import DIM, Terminal
from selbox.enforce.recorder import Denial
from selbox.typing import Any, Final, NamedTuple

_SHELLS: Final = frozenset({"bash", "zsh", "fish", "ksh", "mksh", "tcsh"})
"""Shells that edit one line in raw mode, and leave the rest of the screen as it is."""

_ERROR: Final = 2
_WIDTH: Final = 80
_HEIGHT: Final = 24
_OUTPUT_FLAGS: Final = 1
_LOCAL_FLAGS: Final = 3
_PIECE: Final = r"\x1b\[[0-9;]*m|."
_KINDS: Final = 64
_SHOWN_AT_ONCE: Final = 4
_MEANWHILE_SECONDS: Final = 0.04
"""Time for a program to say itself what it was denied, which it may do in pieces."""

_AGAIN_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 0.1
_RAW_SECONDS: Final = 0.3
_END_SECONDS: Final = 0.5

_Kind = tuple[object, ...]


class _Waiting(NamedTuple):
    """Equal denials that are not shown yet."""

    first: dict[str, Any]
    times: int


class LiveDenials:
    """Shows denials on standard error, which is a terminal."""

    def __init__(self) -> None:
        self._terminal = Terminal.of(sys.stderr, os.environ)
        self._change = threading.Condition()
        self._waiting: dict[_Kind, _Waiting] = {}
        self._shown: dict[_Kind, float] = {}
        self._beyond = 0
        self._thread: threading.Thread | None = None
        self._is_ending = False

    def take(self, denial: Denial) -> None:
        """Take a denial; it is shown as soon as may be."""
        record = denial.record
        kind = (record.scontext, record.tcontext, record.tclass, record.permissions, record.comm, record.permissive)
        with self._change:
            known = self._waiting.get(kind)
            if known is not None:
                self._waiting[kind] = known._replace(times=known.times + 1)
            elif len(self._waiting) < _KINDS:
                self._waiting[kind] = _Waiting(denial.values(), 1)
            else:
                self._beyond += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()
            self._change.notify()

    def close(self) -> None:
        """Show what may be shown now, and no more."""
        with self._change:
            self._is_ending = True
            self._change.notify()
        if self._thread is not None:
            self._thread.join(_END_SECONDS)

    def _work(self) -> None:
        # A terminal that stops writers in the background (`stty tostop`) must not stop the supervisor.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        try:
            while self._show_next():
                time.sleep(_PAUSE_SECONDS)
        except (OSError, termios.error):  # the terminal is gone; the end sums up what was denied
            return

    def _show_next(self) -> bool:
        """Wait for denials that are due, and show them; tell whether there may be more."""
        with self._change:
            while not (is_due := bool(self._due())) and not self._is_ending:
                self._change.wait(_AGAIN_SECONDS if self._waiting else None)
        if not is_due:
            return False
        time.sleep(_MEANWHILE_SECONDS)
        while (editor := _raw_group()) is not None and not _is_shell(editor):
            if self._is_ending:
                return False
            time.sleep(_RAW_SECONDS)
        lines = self._take_lines()
        if editor is not None and os.environ.get("TERM", "dumb") != "dumb":
            _write(above_line(lines, *os.get_terminal_size(_ERROR)))
        else:
            end = "\n" if termios.tcgetattr(_ERROR)[_OUTPUT_FLAGS] & termios.OPOST else "\r\n"
            _write(end.join([*([""] if editor is not None else []), *lines, ""]))
        return True

    def _due(self) -> list[_Kind]:
        """Return the kinds that wait and were not shown a moment ago."""
        now = time.monotonic()
        return [each for each in self._waiting if now - self._shown.get(each, -_AGAIN_SECONDS) >= _AGAIN_SECONDS]

    def _take_lines(self) -> list[str]:
        """Return the lines of some that are due, which are taken for shown."""
        lines: list[str] = []
        with self._change:
            for kind in self._due()[:_SHOWN_AT_ONCE]:
                lines += self._lines(self._waiting.pop(kind), with_reasons=kind not in self._shown)
                if len(self._shown) > _KINDS:
                    self._shown.clear()
                self._shown[kind] = time.monotonic()
            beyond, self._beyond = self._beyond, 0
        if beyond:
            lines.append(self._terminal.paint(f"selbox: and {beyond} of other kinds", DIM))
        return lines

    def _lines(self, waiting: _Waiting, *, with_reasons: bool) -> list[str]:
        first, *reasons = denial_lines(with_object_name(waiting.first), self._terminal)
        times = f", {waiting.times} x" if waiting.times > 1 else ""
        return [f"{self._terminal.paint('selbox:', DIM)} {first}{times}", *(reasons if with_reasons else ())]


def _raw_group() -> int | None:
    """Return the process group that has the terminal, when it takes single characters; None when whole lines.

    Who has a terminal that is not this process's own is not told: then it is 0.
    """
    if termios.tcgetattr(_ERROR)[_LOCAL_FLAGS] & termios.ICANON:
        return None
    try:
        return os.tcgetpgrp(_ERROR)
    except OSError:
        return 0


def _is_shell(group: int) -> bool:
    try:
        with open(f"/proc/{group}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip() in _SHELLS
    except OSError:
        return False


def _write(text: str) -> None:
    data = text.encode(errors="backslashreplace")
    while data:
        data = data[os.write(_ERROR, data) :]


def above_line(lines: list[str], width: int, height: int) -> str:
    """Return what writes lines above the one that the cursor is in, and leaves cursor and line where they belong.

    Room is made by scrolling (IND), so that the line is not pushed off the screen, then by inserting lines (IL). What
    is longer than the terminal is wide is broken, since a line that breaks by itself would not be counted; of what is
    higher, the end is shown. A terminal that does not say how large it is, is taken for one of 80 columns and 24 lines.

    Source: ECMA-48, and the VT100's DECSC and DECRC.
    """
    rows = [row for line in lines for row in wrapped(line, width or _WIDTH)][-max(1, (height or _HEIGHT) - 2) :]
    count = len(rows)
    room = "\x1bD" * count + f"\x1b[{count}A"
    return f"{room}\x1b7\x1b[{count}L\r" + "\r\n".join(rows) + f"\x1b8\x1b[{count}B"


def wrapped(line: str, width: int) -> list[str]:
    """Return a line in rows of at most ``width`` columns; a character beyond ASCII may take two."""
    rows, used = [""], 0
    for piece in re.findall(_PIECE, line):
        columns = 0 if piece.startswith("\x1b") else 1 if piece.isascii() else 2
        if used + columns > width:
            rows.append("")
            used = 0
        rows[-1] += piece
        used += columns
    return rows
