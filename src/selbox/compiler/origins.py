"""Numbers the places of statements for the ``origin`` columns."""

from selbox.compiler.namespace import Place
from selbox.diagnostics import Span
from selbox.language.cil import Form
from selbox.model.origin import Origin


class Origins:
    """The places that rules of a policy come from; a statement of a macro has one, however often it is called.

    Args:
        record: False gives every place the number 0.
    """

    def __init__(self, record: bool = True) -> None:
        self._record = record
        self.places: list[Origin] = []
        self._statements: list[tuple[Form, Place]] = []
        self._numbers: dict[int, int] = {}

    def number(self, form: Form, place: Place) -> int:
        """Return the ``origin`` number of a statement, from 1."""
        known = self._numbers.get(id(form))
        if known is None:
            if not self._record:
                return 0
            line, column = place.tree.lines.locate(form.offset)
            self.places.append(Origin(place.tree.source.name, line, column))
            self._statements.append((form, place))
            known = self._numbers[id(form)] = len(self.places)
        return known

    def span(self, number: int) -> Span | None:
        """Return the place of a statement for a message, or None for number 0."""
        if not number:
            return None
        form, place = self._statements[number - 1]
        return place.tree.span(form)
