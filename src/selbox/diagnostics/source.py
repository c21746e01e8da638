"""Source texts and places in them."""

from typing import NamedTuple


class SourceFile(NamedTuple):
    r"""One source text under the name that its author knows it by.

    Attributes:
        name: what a message shows, usually the path as the user gave it.
        text: the whole text; lines end in ``\n``.
    """

    name: str
    text: str

    def line_text(self, line: int) -> str:
        """Return the text of a line (from 1), without its end; empty past the end of the text."""
        lines = self.text.splitlines()
        return lines[line - 1] if 0 < line <= len(lines) else ""


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
