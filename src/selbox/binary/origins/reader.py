"""Gives the rules of a binary policy their places in the source again."""

from array import array
from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import chain, islice, repeat
from operator import or_

from selbox.binary.origins.container import Contents, corrupt, mismatch, unpack
from selbox.binary.origins.fields import FIELDS
from selbox.diagnostics import Diagnostics
from selbox.model.extended import ExtendedRule
from selbox.model.origin import Origin
from selbox.model.policy import Policy
from selbox.model.rules import ACCESS_KINDS, NO_ORIGIN, Rules
from selbox.typing import Any, overload

_ACCESS = frozenset(map(int, ACCESS_KINDS))
_PERMISSION_WORDS = 8


class Places(Sequence[Origin]):
    """Places in columns; each is made when it is asked for."""

    __slots__ = ("_column", "_file", "_files", "_line")

    def __init__(self, files: tuple[str, ...], file: "array[int]", line: "array[int]", column: "array[int]") -> None:
        self._files = files
        self._file = file
        self._line = line
        self._column = column

    def __len__(self) -> int:
        return len(self._file)

    @overload
    def __getitem__(self, index: int) -> Origin: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Origin, ...]: ...
    def __getitem__(self, index: int | slice) -> Origin | tuple[Origin, ...]:
        if isinstance(index, slice):
            return tuple(self[each] for each in range(*index.indices(len(self))))
        return Origin(self._files[self._file[index]], self._line[index], self._column[index])


def with_origins(
    policy: Policy, binary: bytes, origins: bytes, name: str, diagnostics: Diagnostics | None = None
) -> Policy:
    """Return a policy whose rules know where they were written.

    Its rules are those of the binary, with a row for each statement that they were merged from; merged again they are
    the same, which is checked.

    Args:
        policy: what ``read_policy`` made of the binary.
        binary: the binary.
        origins: the file beside it, as ``write_origins`` made it.
        name: what messages call that file.
        diagnostics: takes the warning ``origins-incomplete`` when rules are without a place.

    Raises:
        SelboxError: ``origins-corrupt``, ``origins-unknown-version``, ``origins-other-binary`` for a file that was made
            for another binary, or ``origins-mismatch`` for one whose parts do not come to the policy.
    """
    contents = unpack(origins, binary, name)
    columns = _Columns(contents, name)
    changes: dict[str, Any] = {"origins": columns.places, "rules": _rules(policy.rules, columns)}
    if policy.extended_rules:
        changes |= _extended(policy, columns)
    for field in FIELDS:
        items: tuple[Any, ...] = getattr(policy, field)
        if items and field in contents.columns:
            numbers = columns.origins(field, len(items))
            changes[field] = tuple(item._replace(origin=number) for item, number in zip(items, numbers, strict=True))
    missing = changes["rules"].origin.count(NO_ORIGIN)
    if missing and diagnostics is not None:
        total = len(changes["rules"])
        diagnostics.warning("origins-incomplete", f"{name}: {missing} of {total} statements have no place in it")
    return policy._replace(**changes)


class _Columns:
    """The columns of a file, checked for their lengths and for the places that they name.

    Attributes:
        name: what messages call the file.
        places: the places.
    """

    def __init__(self, contents: Contents, name: str) -> None:
        self.name = name
        self._columns = contents.columns
        files, lines, columns = (self.numbers(f"place.{each}") for each in ("file", "line", "column"))
        if not len(files) == len(lines) == len(columns):
            corrupt(name, "its columns of places differ in length")
        if files and max(files) >= len(contents.files):
            corrupt(name, f"a place is in source {max(files)} of {len(contents.files)}")
        self.places = Places(contents.files, files, lines, columns)

    def numbers(self, column: str) -> "array[int]":
        """Return a column that has to be there."""
        found = self._columns.get(column)
        if found is None:
            corrupt(self.name, f"it has no column `{column}`")
        return found

    def origins(self, column: str, length: int) -> "array[int]":
        """Return a column of places, of a length that follows from the policy."""
        numbers = self.numbers(column)
        if len(numbers) != length:
            mismatch(self.name, f"`{column}` has {len(numbers)} places and should have {length}")
        if numbers and max(numbers) > len(self.places):
            corrupt(self.name, f"`{column}` names place {max(numbers)} of {len(self.places)}")
        return numbers

    def counts(self, column: str, length: int) -> "array[int]":
        """Return a column of counts of statements, none of which is 0."""
        numbers = self.numbers(column)
        if len(numbers) != length or (numbers and not min(numbers)):
            mismatch(self.name, f"`{column}` does not have a count for each of {length} rules")
        return numbers

    def data(self, column: str, counts: Sequence[int], width: int) -> Iterator[int]:
        """Return what the statements say whose rules have several, each in ``width`` numbers."""
        numbers = self.numbers(column)
        statements = sum(count for count in counts if count > 1)
        if len(numbers) != statements * width:
            mismatch(self.name, f"`{column}` should have the data of {statements} statements")
        return iter(numbers)


def _rules(rules: Rules, columns: _Columns) -> Rules:
    """Return the rules with a row for each statement."""
    counts = columns.counts("rule.count", len(rules))
    result = Rules()
    result.origin = columns.origins("rule.origin", sum(counts))
    parts = columns.data("rule.data", counts, 1)
    if len(result.origin) == len(rules):
        rows: Sequence[int] = range(len(rules))
        result.kind, result.source, result.target = rules.kind, rules.source, rules.target
        result.object_class, result.data, result.condition = rules.object_class, rules.data, rules.condition
    else:
        rows = array("I", chain.from_iterable(map(repeat, range(len(rules)), counts)))
        result.kind = array("I", map(rules.kind.__getitem__, rows))
        result.source = array("I", map(rules.source.__getitem__, rows))
        result.target = array("I", map(rules.target.__getitem__, rows))
        result.object_class = array("I", map(rules.object_class.__getitem__, rows))
        result.condition = array("I", map(rules.condition.__getitem__, rows))
        result.data = array("I", _data(rules, counts, parts, columns.name))
    return result


def _data(rules: Rules, counts: Sequence[int], parts: Iterator[int], name: str) -> Iterator[int]:
    """Return the data of each statement; those of one rule must come to the rule."""
    for row, (whole, count) in enumerate(zip(rules.data, counts, strict=True)):
        if count == 1:
            yield whole
            continue
        own = list(islice(parts, count))
        union = reduce(or_, own, 0)
        if union != whole or (rules.kind[row] not in _ACCESS and own != [whole] * count):
            mismatch(name, "the statements of a rule do not come to the rule")
        yield from own


def _extended(policy: Policy, columns: _Columns) -> dict[str, Any]:
    """Return the extended rules with a row for each statement, and the binary's form with a place for each."""
    counts = columns.counts("extended.count", len(policy.extended_rules))
    origins = iter(columns.origins("extended.origin", sum(counts)))
    words = columns.data("extended.data", counts, _PERMISSION_WORDS)
    result: list[ExtendedRule] = []
    for rule, count in zip(policy.extended_rules, counts, strict=True):
        own = [rule.permissions]
        if count > 1:
            own = [_permissions(words) for _ in range(count)]
            if reduce(or_, own) != rule.permissions:
                mismatch(columns.name, "the statements of an extended rule do not come to the rule")
        result += [rule._replace(permissions=part, origin=next(origins)) for part in own]
    form = policy.binary_form
    if form is not None:
        places = chain.from_iterable(map(repeat, form.extended_places, counts))
        form = form._replace(extended_places=tuple(places))
    return {"extended_rules": tuple(result), "binary_form": form}


def _permissions(words: Iterator[int]) -> int:
    return sum(word << 32 * place for place, word in enumerate(islice(words, _PERMISSION_WORDS)))
