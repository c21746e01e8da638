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
        offsets, places: the offset of the statement of each number, from 1, and where it stands.
    """

    def __init__(self, record: bool = True, apart: bool = False) -> None:
        self._record = record
        self._apart = apart
        self.offsets = array("I")
        self.places: list[Place] = []
        self._numbers: dict[tuple[int, ...], int] = {}

    def number(self, form: Form, place: Place) -> int:
        """Return the ``origin`` number of a statement, from 1."""
        return self._number_at(form.offset, place)

    def _number_at(self, offset: int, place: Place) -> int:
        key = (offset, id(place)) if self._apart else (offset, id(place.tree))
        known = self._numbers.get(key)
        if known is None:
            if not self._record:
                return 0
            self.offsets.append(offset)
            self.places.append(place)
            known = self._numbers[key] = len(self.places)
        return known

    def number_all(self, offsets: "array[int]", places: list[Place]) -> list[int]:
        """Return the numbers of many statements of one scope, of which each has its offset and place."""
        if any(type(place.scope) is not Scope or place.copied for place in set(places)):
            return list(map(self._number_at, offsets, places))
        # Nothing brings these in: each is met once only.
        first = len(self.places) + 1
        self.offsets += offsets
        self.places += places
        return list(range(first, first + len(places)))

    def span(self, number: int) -> Span | None:
        """Return the place of a statement for a message, or None for number 0."""
        if not number:
            return None
        return self.places[number - 1].tree.span_at(self.offsets[number - 1])

    def position(self, number: int) -> tuple[int, ...]:
        """Return where a reader of the expanded policy meets a statement for the first time."""
        if not number:
            return ()
        return (*self.places[number - 1].path, self.offsets[number - 1])

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
        names = [tree.source.name for tree in trees.values()]
        return OriginTable(names, _LineStarts(trees.values()), file, self.offsets[:])
