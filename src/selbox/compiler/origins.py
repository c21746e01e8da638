"""Numbers the places of statements for the ``origin`` columns."""

from array import array

from selbox.compiler.namespace import Place
from selbox.diagnostics import Span
from selbox.language.cil import Form
from selbox.model.origin import OriginTable


class Origins:
    """The places that rules of a policy come from.

    A statement of a macro or of a block that others inherit has one number, however often it is brought in.

    Args:
        record: False gives every place the number 0.

    Attributes:
        statements: form and place of each number, from 1. Whoever appends to it itself must know that the statement
            is met once only.
    """

    def __init__(self, record: bool = True) -> None:
        self._record = record
        self.statements: list[tuple[Form, Place]] = []
        self._numbers: dict[int, int] = {}

    def number(self, form: Form, place: Place) -> int:
        """Return the ``origin`` number of a statement, from 1."""
        known = self._numbers.get(id(form))
        if known is None:
            if not self._record:
                return 0
            self.statements.append((form, place))
            known = self._numbers[id(form)] = len(self.statements)
        return known

    def span(self, number: int) -> Span | None:
        """Return the place of a statement for a message, or None for number 0."""
        if not number:
            return None
        form, place = self.statements[number - 1]
        return place.tree.span(form)

    def position(self, number: int) -> tuple[int, ...]:
        """Return where a reader of the whole policy meets a statement: its file, then its place in the text."""
        if not number:
            return ()
        form, place = self.statements[number - 1]
        return (*place.path[:1], form.offset)

    def table(self) -> OriginTable:
        """Return the places by their number."""
        trees = [place.tree for _, place in self.statements]
        unique = {id(tree): tree for tree in trees}
        indices = {identity: index for index, identity in enumerate(unique)}
        return OriginTable(
            [tree.source.name for tree in unique.values()],
            [tree.lines.starts for tree in unique.values()],
            array("I", map(indices.__getitem__, map(id, trees))),
            array("I", [form.offset for form, _ in self.statements]),
        )
