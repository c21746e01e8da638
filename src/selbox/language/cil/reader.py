"""Text to forms: reads s-expressions without recursion and reports every fault of the text."""

from selbox.diagnostics import Diagnostics, SourceFile, Span
from selbox.language.cil.fastreader import Shared, read_fast
from selbox.language.cil.linemarks import mark_faults
from selbox.language.cil.tokens import (
    ATOM_GROUP,
    CLOSE_GROUP,
    OPEN_GROUP,
    STRING_GROUP,
    TOKENS,
    UNENDED_GROUP,
)
from selbox.language.cil.tree import MAXIMUM_DEPTH, Form, LineIndex, Tree, is_too_deep


def parse(source: SourceFile, shared: Shared | None = None) -> Tree:
    """Read a CIL source.

    Args:
        source: the text; symbols, strings, comments and ``;;*`` line marks as ``secilc`` takes them.
        shared: for several sources that make one policy, one value for all: their trees then share what they have in
            common.

    Returns:
        Its forms. What the forms mean is not looked at.

    Raises:
        SelboxError: with every fault found: ``cil-unbalanced``, ``cil-unterminated-string``, ``cil-stray-text``,
            ``cil-line-mark``, ``cil-too-deep``.
    """
    forms = None if mark_faults(source.text) else read_fast(source.text, shared)
    return Tree(source, read_carefully(source) if forms is None else forms, LineIndex(source.text))


def read_carefully(source: SourceFile) -> list[Form]:
    """Read as :func:`parse` does, token by token, and report what is wrong.

    Raises:
        SelboxError: as :func:`parse`.
    """
    reader = _Reader(source)
    reader.read()
    reader.diagnostics.raise_if_errors()
    return reader.forms


class _Reader:
    """The state of one reading."""

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.lines = LineIndex(source.text)
        self.diagnostics = Diagnostics()
        self.forms: list[Form] = []

    def read(self) -> None:
        top = Form()
        stack: list[Form] = []
        current = top
        for match in TOKENS.finditer(self.source.text):
            group = match.lastindex
            if group == ATOM_GROUP:
                current.append(match[0])
            elif group == OPEN_GROUP:
                form = Form()
                form.offset = match.start()
                current.append(form)
                stack.append(current)
                current = form
                if is_too_deep(stack):
                    self._too_deep(form)
                    return
            elif group == CLOSE_GROUP:
                if stack:
                    current = stack.pop()
                else:
                    self._error("cil-unbalanced", "this `)` closes nothing", match.start(), 1)
            elif group == STRING_GROUP:
                current.append(match[0][1:-1])
            elif group is not None:
                self._stray(group, match.start(), match[0])
            if not stack and current and type(current[-1]) is str:
                self._error(
                    "cil-stray-text",
                    f"`{current.pop()}` stands outside of any statement",
                    match.start(),
                    match.end() - match.start(),
                    "every statement of CIL stands in parentheses: `(allow a b (file (read)))`",
                )
        self._check_closed(stack, current)
        for fault in mark_faults(self.source.text):
            self._error("cil-line-mark", fault.message, fault.offset, fault.length, fault.help)
        self.forms = [form for form in top if isinstance(form, Form)]

    def _check_closed(self, stack: list[Form], current: Form) -> None:
        """Report the statement whose parenthesis never closes, and the place where it was probably forgotten."""
        if not stack:
            return
        open_forms = [*stack[1:], current]
        opener = open_forms[0]
        notes: tuple[tuple[str, Span | None], ...] = ()
        for form in open_forms:
            next_statement = self._not_indented(form)
            if next_statement is not None:
                opener = form
                notes = (
                    ("this looks like the next statement, but is still inside", self._span(next_statement.offset, 1)),
                )
                break
        self.diagnostics.error(
            "cil-unbalanced",
            f"this `(` is never closed: {len(stack)} `)` missing at the end of the text",
            self._span(opener.offset, 1),
            "add the missing `)`",
            notes,
        )

    def _not_indented(self, form: Form) -> Form | None:
        """Return the first form inside of one that stands on a later line and no further to the right."""
        line, column = self.lines.locate(form.offset)
        for item in form:
            if isinstance(item, Form):
                item_line, item_column = self.lines.locate(item.offset)
                if item_line > line and item_column <= column:
                    return item
        return None

    def _too_deep(self, form: Form) -> None:
        self._error(
            "cil-too-deep",
            f"forms nest deeper than {MAXIMUM_DEPTH} levels here",
            form.offset,
            1,
            "a `)` is probably missing in what stands above",
        )

    def _stray(self, group: int, offset: int, text: str) -> None:
        if group == UNENDED_GROUP:
            self._error(
                "cil-unterminated-string", "this string does not end on its line", offset, 1, 'add the final `"`'
            )
        else:
            is_byte = "\udc80" <= text <= "\udcff"  # how text holds a byte that is not UTF-8
            found = f"byte 0x{ord(text) - 0xDC00:02x}" if is_byte else f"character {text!r}"
            self._error("cil-stray-text", f"unexpected {found}", offset, 1)

    def _span(self, offset: int, length: int) -> Span:
        line, column = self.lines.locate(offset)
        return Span(self.source, line, column, length)

    def _error(self, code: str, message: str, offset: int, length: int, help_text: str = "") -> None:
        self.diagnostics.error(code, message, self._span(offset, length), help_text)
