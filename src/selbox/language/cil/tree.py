"""The syntax tree of a CIL source: nested forms of atoms, each form with its place in the text.

An atom is a plain ``str``. A form is a list that knows the offset of its opening parenthesis; where its atoms
stand is found again from the text when a message needs it, so that reading millions of them stays cheap.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate

from selbox.diagnostics import SourceFile, Span
from selbox.language.cil.tokens import ATOM_GROUP, CLOSE_GROUP, OPEN_GROUP, STRING_GROUP, TOKENS
from selbox.typing import Final, NamedTuple

MAXIMUM_DEPTH: Final = 256
"""How deep forms may nest. Passes over the tree may recurse over it, so it is what keeps them off the stack's end."""

MAXIMUM_NESTING: Final = 4096
"""How deep forms may nest with all ``optional`` blocks counted, in which modules that were translated are rich.

Source: ``CIL_PARSER_MAX_EXPR_DEPTH`` of libsepol; ``pp`` puts each optional block into the one before it where it can.
"""


class Form(list["Form | str"]):
    """A parenthesised list of forms and atoms.

    Attributes:
        offset: index of its opening parenthesis in the source's text.

    # INVARIANT: the classes and permissions at the end of rules are one form wherever they read alike, also in other
    # trees; such a form has the offset of one of its places. What stands inside a statement is therefore located by its
    # path from the statement (:meth:`Tree.span`), and forms are never changed.
    """

    __slots__ = ("offset",)

    offset: int

    @property
    def keyword(self) -> str:
        """The first atom, which names the statement or operator; empty when there is none."""
        return self[0] if self and isinstance(self[0], str) else ""


def is_too_deep(stack: list[Form], more: int = 0) -> bool:
    """Tell whether forms nest too deep.

    Args:
        stack: those that are open, around the innermost.
        more: how many may be opened inside of it.
    """
    depth = len(stack) + more
    if depth <= MAXIMUM_DEPTH:
        return False
    # Each of them has at least the form inside of it.
    return depth > MAXIMUM_NESTING or depth - [form[0] for form in stack].count("optional") > MAXIMUM_DEPTH


class RuleForm(Form):
    """An access rule (``allow``, ``auditallow``, ``dontaudit``), known to hold a keyword, two atoms and a form."""

    __slots__ = ()


class LineIndex:
    """Finds the line and column of an offset."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts: array[int] | None = None

    @property
    def starts(self) -> "array[int]":
        """The offset at which each line begins."""
        if self._starts is None:
            lengths = map(len, self._text.split("\n"))
            self._starts = array("I", accumulate(map((1).__add__, lengths), initial=0))
            self._starts.pop()
            self._text = ""  # it has been read: whoever keeps the lines need not keep the text
        return self._starts

    def locate(self, offset: int) -> tuple[int, int]:
        """Return line and column, both from 1, of a character."""
        starts = self.starts
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1


class Tree(NamedTuple):
    """A whole source, read.

    Attributes:
        source: the text.
        forms: the top-level forms in order.
        lines: finds lines and columns.
    """

    source: SourceFile
    forms: list[Form]
    lines: LineIndex

    def span(self, form: Form, *path: int) -> Span:
        """Return where a form stands, or the item that a path of indices leads to.

        Args:
            form: a form of this tree.
            path: indices into the form, its item, that one's item and so on.
        """
        offset, length = form.offset, 1
        for index in path:
            offset, length = self._item(offset, index)
        line, column = self.lines.locate(offset)
        if not path:
            length = max(1, _width(self.source.text, offset))
        return Span(self.source, line, column, length)

    def _item(self, offset: int, index: int) -> tuple[int, int]:
        """Return offset and length of the item at an index of the form that opens at an offset."""
        depth = 0
        count = 0
        for match in TOKENS.finditer(self.source.text, offset):
            group = match.lastindex
            if group == CLOSE_GROUP:
                depth -= 1
                if depth == 0:
                    break
                continue
            if depth == 1 and group in (ATOM_GROUP, STRING_GROUP, OPEN_GROUP):
                if count == index:
                    length = _width(self.source.text, match.start()) if group == OPEN_GROUP else len(match[0])
                    return match.start(), max(1, length)
                count += 1
            if group == OPEN_GROUP:
                depth += 1
        return offset, 1


def atoms(items: Iterable[Form | str]) -> Iterator[str]:
    """Yield all atoms of a form, or of several, at any depth."""
    pending = [items]
    while pending:
        for item in pending.pop():
            if isinstance(item, str):
                yield item
            else:
                pending.append(item)


def _width(text: str, offset: int) -> int:
    """Return how many characters of its first line the form at an offset takes."""
    depth = 0
    end = text.find("\n", offset)
    end = len(text) if end < 0 else end
    for match in TOKENS.finditer(text, offset, end):
        if match.lastindex == OPEN_GROUP:
            depth += 1
        elif match.lastindex == CLOSE_GROUP:
            depth -= 1
            if depth == 0:
                return match.end() - offset
    return len(text[offset:end].rstrip())
