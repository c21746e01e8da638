"""Numbers the places of statements for the ``origin`` columns."""

from array import array
from collections.abc import Iterable, Sequence
from itertools import groupby, repeat

from selbox.compiler.namespace import Place, Scope
from selbox.diagnostics import Span
from selbox.language.cil import Form, Tree
from selbox.model.origin import OriginTable
from selbox.typing import overload


class _LineStarts(Sequence["array[int]"]):
    """The beginnings of lines by source, looked for when a place is asked for: few compilations need any."""

    def __init__(self, trees: Iterable[Tree]) -> None:
        self._lines = [tree.lines for tree in trees]

    def __len__(self) -> int:
        return len(self._lines)

    @overload
    def __getitem__(self, index: int) -> "array[int]": ...
    @overload
    def __getitem__(self, index: slice) -> "Sequence[array[int]]": ...
    def __getitem__(self, index: int | slice) -> "array[int] | Sequence[array[int]]":
        if isinstance(index, slice):
            return [each.starts for each in self._lines[index]]
        return self._lines[index].starts


class Origins:
    """The places that rules of a policy come from.

    A statement of a macro or of a block that others inherit has one number, however often it is brought in, or one for
    each time.

    Args:
        record: False gives every place the number 0.
        apart: whether a statement that is brought in again has a number of its own.

    Attributes:
        forms, places: the statement of each number, from 1, and where it stands.
    """

    def __init__(self, record: bool = True, apart: bool = False) -> None:
        self._record = record
        self._apart = apart
        self.forms: list[Form] = []
        self.places: list[Place] = []
        self._numbers: dict[int | tuple[int, int], int] = {}

    def number(self, form: Form, place: Place) -> int:
        """Return the ``origin`` number of a statement, from 1."""
        key = (id(form), id(place)) if self._apart else id(form)
        known = self._numbers.get(key)
        if known is None:
            if not self._record:
                return 0
            self.forms.append(form)
            self.places.append(place)
            known = self._numbers[key] = len(self.forms)
        return known

    def number_all(self, forms: list[Form], places: list[Place]) -> list[int]:
        """Return the numbers of many statements of one scope."""
        if any(type(place.scope) is not Scope or place.copied for place in set(places)):
            return list(map(self.number, forms, places))
        # Nothing brings these in: each is met once only.
        first = len(self.forms) + 1
        self.forms += forms
        self.places += places
        return list(range(first, first + len(forms)))

    def span(self, number: int) -> Span | None:
        """Return the place of a statement for a message, or None for number 0."""
        if not number:
            return None
        return self.places[number - 1].tree.span(self.forms[number - 1])

    def position(self, number: int) -> tuple[int, ...]:
        """Return where a reader of the expanded policy meets a statement for the first time."""
        if not number:
            return ()
        return (*self.places[number - 1].path, self.forms[number - 1].offset)

    def table(self) -> OriginTable:
        """Return the places by their number."""
        trees: dict[int, Tree] = {}
        indices: dict[int, int] = {}
        file = array("I")
        for place, run in groupby(self.places):
            tree = place.tree
            index = indices.setdefault(id(tree), len(trees))
            trees[id(tree)] = tree
            file.extend(repeat(index, len(list(run))))
        offset = array("I", [form.offset for form in self.forms])
        return OriginTable([tree.source.name for tree in trees.values()], _LineStarts(trees.values()), file, offset)
