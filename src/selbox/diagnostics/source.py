"""Source texts and places in them."""

from array import array
from functools import lru_cache

from selbox.typing import NamedTuple


class SourceFile(NamedTuple):
    r"""One source text under the name that its author knows it by.

    Attributes:
        name: what a message shows, usually the path as the user gave it.
        text: the whole text; lines end in ``\n``.
    """

    name: str
    text: str

    def __repr__(self) -> str:
        # The text may be megabytes, and every diagnostic has one: logs and debuggers are to show what it is of.
        return f"<SourceFile {self.name!r}: {len(self.text)} characters>"

    def line_text(self, line: int) -> str:
        """Return the text of a line (from 1), without its end; empty past the end of the text."""
        starts = _line_starts(self.text)
        if not 0 < line < len(starts):
            return ""
        return self.text[starts[line - 1] : starts[line] - 1].rstrip("\r")


@lru_cache(maxsize=1)
def _line_starts(text: str) -> "array[int]":
    """Return where each line of a text begins, and where one more would; of the last text, many messages are shown."""
    starts = array("Q", [0])
    end = -1
    while (end := text.find("\n", end + 1)) >= 0:
        starts.append(end + 1)
    starts.append(len(text) + 1)
    return starts


class Span(NamedTuple):
    """A place in a source text.

    Attributes:
        source: the text.
        line: line number, from 1.
        column: column in characters, from 1.
        length: characters underlined; at least 1.
    """

    source: SourceFile
    line: int
    column: int
    length: int = 1

    @property
    def place(self) -> str:
        """``file:line:column``, as compilers write it."""
        return f"{self.source.name}:{self.line}:{self.column}"
