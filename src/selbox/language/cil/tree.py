"""The syntax tree of a CIL source: nested forms of atoms, each form with its place in the text.

An atom is a plain ``str``. A form is a list that knows the offset of its opening parenthesis; where its atoms
stand is found again from the text when a message needs it, so that reading millions of them stays cheap.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain

from selbox.diagnostics import SourceFile, Span
from selbox.language.cil.tokens import ATOM_GROUP, CLOSE_GROUP, OPEN_GROUP, STRING_GROUP, TOKENS
from selbox.typing import Final, NamedTuple, cast, overload

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

    # INVARIANT: among the statements of a tree, of its ``optional`` blocks and the branches of its ``booleanif`` there
    # may be a :class:`RuleRun`, which is no form: who walks what stands there looks for it. Other forms have none.
    """

    __slots__ = ("offset",)

    offset: int

    __hash__ = object.__hash__  # type: ignore[assignment]  # as a key it is this very form, not all that read alike

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


class RuleColumns:
    """Access rules (``allow``, ``auditallow``, ``dontaudit``) in parallel columns.

    Attributes:
        keywords, sources, targets: their first three items, which are atoms.
        endings: their last item, a form.
        offsets: as forms have them.
    """

    __slots__ = ("endings", "keywords", "offsets", "sources", "targets")

    def __init__(self) -> None:
        self.keywords: list[str] = []
        self.sources: list[str] = []
        self.targets: list[str] = []
        self.endings: list[Form] = []
        self.offsets = array("I")

    @classmethod
    def of(cls, forms: Sequence[Form]) -> "RuleColumns":
        """Return the columns of rules that have the right outer form."""
        columns = cls()
        # Every rule has four items. This is twice as quick as to ask each for each of them.
        items = list(chain.from_iterable(forms))
        columns.keywords = cast(list[str], items[0::4])
        columns.sources = cast(list[str], items[1::4])
        columns.targets = cast(list[str], items[2::4])
        columns.endings = cast(list[Form], items[3::4])
        columns.offsets.extend(form.offset for form in forms)
        return columns

    def extend(self, run: "RuleRun") -> None:
        """Add the rules of a run."""
        rows = slice(run.start, run.stop)
        self.keywords += run.columns.keywords[rows]
        self.sources += run.columns.sources[rows]
        self.targets += run.columns.targets[rows]
        self.endings += run.columns.endings[rows]
        self.offsets += run.columns.offsets[rows]

    def form(self, row: int) -> Form:
        """Return a rule as a form; another one each time."""
        form = Form((self.keywords[row], self.sources[row], self.targets[row], self.endings[row]))
        form.offset = self.offsets[row]
        return form


class RuleRun(Sequence[Form]):
    """Access rules that stand one after the other, known to hold a keyword, two atoms and a form.

    Attributes:
        columns: hold the rules, and others.
        start, stop: its first row, and the one behind its last.
    """

    __slots__ = ("columns", "start", "stop")

    def __init__(self, columns: RuleColumns, start: int, stop: int) -> None:
        self.columns = columns
        self.start = start
        self.stop = stop

    def __len__(self) -> int:
        return self.stop - self.start

    @overload
    def __getitem__(self, index: int) -> Form: ...
    @overload
    def __getitem__(self, index: slice) -> "RuleRun": ...
    def __getitem__(self, index: int | slice) -> "Form | RuleRun":
        rows = range(self.start, self.stop)[index]
        return self.columns.form(rows) if isinstance(rows, int) else RuleRun(self.columns, rows.start, rows.stop)

    @property
    def offsets(self) -> "array[int]":
        """The offset of each."""
        return self.columns.offsets[self.start : self.stop]


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
    forms: Sequence[Form | RuleRun]
    lines: LineIndex

    def starts(self) -> "array[int]":
        """Return the offset of each top-level form."""
        starts = array("I")
        for each in self.forms:
            if isinstance(each, RuleRun):
                starts += each.offsets
            else:
                starts.append(each.offset)
        return starts

    def span_at(self, offset: int) -> Span:
        """Return where the form stands that opens at an offset."""
        form = Form()
        form.offset = offset
        return self.span(form)

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


def written_out(items: "Iterable[Form | RuleRun | str]") -> "list[Form | str]":
    """Return forms and atoms with every rule as a form of its own, at any depth, for who takes a tree for its text."""
    whole = Form()
    pending: list[tuple[Iterable[Form | RuleRun | str], Form]] = [(items, whole)]
    while pending:
        given, found = pending.pop()
        for item in given:
            if isinstance(item, RuleRun):
                found += item
            elif isinstance(item, str):
                found.append(item)
            else:
                form = Form()
                form.offset = item.offset
                found.append(form)
                pending.append((item, form))
    return whole


def atoms(items: "Iterable[Form | RuleRun | str]") -> list[str]:
    """Return all atoms of a form, or of several, at any depth."""
    found: list[str] = []
    pending: list[Iterable[Form | RuleRun | str]] = [items]
    while pending:
        for item in pending.pop():
            if isinstance(item, str):
                found.append(item)
            elif isinstance(item, Form):
                pending.append(item)
            else:
                rules = RuleColumns()
                rules.extend(item)
                found += rules.keywords
                found += rules.sources
                found += rules.targets
                pending += rules.endings
    return found


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
