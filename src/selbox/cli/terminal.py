"""What the stream that is written to can show."""

import os
from collections.abc import Mapping

from selbox.typing import NamedTuple, TextIO

WIDTH_WITHOUT_TERMINAL = 100
"""Columns that text is laid out for when it goes to a file or a pipe."""

BOLD = "1"
DIM = "2"
RED = "31"
GREEN = "32"
YELLOW = "33"
CYAN = "36"


class Terminal(NamedTuple):
    """A stream's abilities.

    Attributes:
        colour: whether SGR sequences may be written.
        width: columns.
    """

    colour: bool
    width: int

    @classmethod
    def of(cls, stream: TextIO, environment: Mapping[str, str]) -> "Terminal":
        """Look at a stream and the environment.

        ``NO_COLOR`` (set and not empty) and ``TERM=dumb`` switch colour off.

        Source: no-color.org.
        """
        try:
            width = os.get_terminal_size(stream.fileno()).columns or WIDTH_WITHOUT_TERMINAL
            is_terminal = True
        except (OSError, ValueError):  # not a terminal; closed, or a stream in memory
            width, is_terminal = WIDTH_WITHOUT_TERMINAL, False
        colour = is_terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
        return cls(colour, width)

    def paint(self, text: str, *sgr: str) -> str:
        """Return the text in the given SGR attributes, or as it is where colour is not to be written."""
        return f"\x1b[{';'.join(sgr)}m{text}\x1b[0m" if self.colour and text else text
