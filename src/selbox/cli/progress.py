"""What a long command is at, shown on standard error while a person watches and once it takes a while."""

import os
import sys

from selbox.typing import TYPE_CHECKING, Final, Self, TextIO

if TYPE_CHECKING:
    from threading import Timer

    from rich.status import Status
    from rich.text import Text

PATIENCE: Final = 2.0
"""Seconds before anything is shown."""

_REFRESHES_A_SECOND: Final = 4


class Progress:
    """A line that says which stage of the work is going on; it goes away in the end.

    Used as a context manager around the work. Where nobody watches, it costs nothing.

    Args:
        stream: where the line is shown; standard error when None.
        patience: seconds before it is.
        log: whether every stage is written as a line instead, whoever watches.
    """

    def __init__(self, stream: TextIO | None = None, patience: float = PATIENCE, *, log: bool = False) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._patience = patience
        self._log = log
        self._words = ""
        self._timer: Timer | None = None
        self._status: Status | None = None
        self._over = False

    def __enter__(self) -> Self:
        """Begin to wait."""
        if not self._log and self._stream.isatty() and os.environ.get("TERM") != "dumb":
            from threading import Timer  # only who watches pays for it

            self._timer = Timer(self._patience, self._show)
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the line away."""
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()  # it may just be putting the line up
        if self._status is not None:
            self._status.stop()

    def stage(self, words: str) -> None:
        """Say what the work is at now, such as ``reading apache.pp``."""
        self._words = words
        if self._log:
            self._stream.write(words + "\n")
        if self._status is not None:
            self._status.update(_plain(words))

    def _show(self) -> None:
        from rich.console import Console
        from rich.status import Status

        if self._over:
            return
        console = Console(file=self._stream, highlight=False, markup=False)
        status = Status(_plain(self._words), console=console, refresh_per_second=_REFRESHES_A_SECOND)
        status.start()
        self._status = status
        status.update(_plain(self._words))  # the work may have gone on


def _plain(words: str) -> "Text":
    """Return words as rich shows them without looking for markup in the names of files."""
    from rich.text import Text

    return Text(words)
