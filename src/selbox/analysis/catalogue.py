"""What a policy holds, laid out for searches: names by number, and rules in columns of numbers.

A catalogue is made of a policy once and can be kept as bytes. Whoever searches a kept one does not read the policy, and
imports next to nothing: this module imports no other of selbox when it is imported.
"""

import marshal
import zlib
from array import array

from selbox.typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selbox.model.origin import Origin
    from selbox.model.policy import Policy

FORM: Final = 2
"""Grows when what is kept changes, so that nothing is read that an earlier version has kept."""

_CHECKSUM_BYTES: Final = 4

_BEFORE_COLUMNS: Final = 13
"""Fields of a catalogue before those that are columns."""

Condition = tuple[int | str, ...]
"""Boolean ids and operators (``BooleanOperator`` values) in postfix order."""


class RuleColumns(NamedTuple):
    """Rules about access and types, as in :class:`selbox.model.rules.Rules`, in columns of equal length.

    Attributes:
        kind: bytes; the others are arrays.
        source, target, object_class, data, condition: as in :class:`selbox.model.rules.Rule`.
        origin: likewise; empty when no rule has one.
    """

    kind: bytes
    source: "array[int]"
    target: "array[int]"
    object_class: "array[int]"
    data: "array[int]"
    condition: "array[int]"
    origin: "array[int]"


class NamedTransitionColumns(NamedTuple):
    """Type transitions by the new object's name, in columns of equal length.

    Attributes:
        source, target, object_class, result: ids.
        name: indexes into ``names``.
        origin: as in :class:`RuleColumns`.
        names: the names.
    """

    source: "array[int]"
    target: "array[int]"
    object_class: "array[int]"
    name: "array[int]"
    result: "array[int]"
    origin: "array[int]"
    names: tuple[str, ...]


class Assertion(NamedTuple):
    """What no rule may grant, as sources say it; no binary policy has it.

    Attributes:
        kind: ``neverallow`` or ``neverallowxperm``.
        source, target: names as they stand in the statement.
        sources, targets: bitsets of the types that they stand for.
        object_class: class id.
        permissions: access vector.
        numbers: bitset over 0 to 65535 of extended permissions; 0 for ``neverallow``.
        place: where it was written.
    """

    kind: str
    source: str
    target: str
    sources: int
    targets: int
    object_class: int
    permissions: int
    numbers: int
    place: str


class Catalogue(NamedTuple):
    """A policy for searches; every id is that of the policy.

    Attributes:
        facts: what the head of a policy says, and how many there are of everything, by the words of ``seinfo``.
        types: names of types and attributes, by id.
        attributes: by id of an attribute the bitset of its types.
        type_aliases: alias to type id.
        classes: names.
        permissions: names by class id, in bit order.
        roles: names.
        booleans: names.
        defaults: by boolean whether it is on at first.
        conditions: by conditional.
        sensitivities, categories: names, by id.
        level_aliases: alias of a sensitivity or a category to its name.
        rules, named_transitions: in columns.
        extended: rows of ``kind, source, target, object_class, specifier, driver, permissions, condition, origin``, as
            in :class:`selbox.model.extended.ExtendedRule`.
        role_allows: rows of ``source, target, origin``.
        role_transitions: rows of ``source, target, object_class, result, origin``.
        range_transitions: rows of ``source, target, object_class, low, high, origin``; a level is a pair of a
            sensitivity and a bitset of categories.
        further_origins: by row of ``rules`` the origins of further statements that it was merged from.
        origins: places of rules, by origin less one.
        assertions: those of the sources.
    """

    facts: dict[str, int | str]
    types: tuple[str, ...]
    attributes: dict[int, int]
    type_aliases: dict[str, int]
    classes: tuple[str, ...]
    permissions: tuple[tuple[str, ...], ...]
    roles: tuple[str, ...]
    booleans: tuple[str, ...]
    defaults: tuple[bool, ...]
    conditions: tuple[Condition, ...]
    sensitivities: tuple[str, ...]
    categories: tuple[str, ...]
    level_aliases: dict[str, str]
    rules: RuleColumns
    named_transitions: NamedTransitionColumns
    extended: tuple[tuple[int, ...], ...]
    role_allows: tuple[tuple[int, ...], ...]
    role_transitions: tuple[tuple[int, ...], ...]
    range_transitions: "tuple[tuple[int, int, int, tuple[int, int], tuple[int, int], int], ...]"
    further_origins: dict[int, tuple[int, ...]] = {}  # noqa: RUF012 - nobody changes one
    origins: "Sequence[Origin]" = ()
    assertions: tuple[Assertion, ...] = ()

    @classmethod
    def of(cls, policy: "Policy", version: int = 0, assertions: tuple[Assertion, ...] = ()) -> "Catalogue":
        """Lay a policy out.

        Args:
            policy: the policy.
            version: of the binary format that it comes in; 0 when it comes from sources.
            assertions: of its sources.
        """
        from selbox.analysis.cataloguing import catalogue

        return catalogue(policy, version, assertions)

    @classmethod
    def read(cls, kept: bytes | memoryview) -> "Catalogue":
        """Return a catalogue that was kept.

        Args:
            kept: what :meth:`kept` returned, in the same version of Python, on the same machine.

        Raises:
            ValueError: when it is broken, or of another form.
        """
        if len(kept) <= _CHECKSUM_BYTES or zlib.crc32(kept[_CHECKSUM_BYTES:]) != int.from_bytes(
            kept[:_CHECKSUM_BYTES], "little"
        ):
            raise ValueError("a kept catalogue is broken")
        form, parts, rules, named, places, asserted = marshal.loads(kept[_CHECKSUM_BYTES:])  # noqa: S302 - the user's own, and checked
        if form != FORM:
            raise ValueError("a kept catalogue is of another form")
        rule_columns = RuleColumns._make((rules[0], *map(_column, rules[1:])))
        named_columns = NamedTransitionColumns._make((*map(_column, named[:-1]), named[-1]))
        origins = _read_origins(places) if places else ()
        assertions = tuple(map(Assertion._make, asserted))
        columns = (rule_columns, named_columns)
        return cls._make((*parts[:_BEFORE_COLUMNS], *columns, *parts[_BEFORE_COLUMNS:], origins, assertions))

    def kept(self) -> bytes:
        """Return the catalogue as bytes, to be kept and read again."""
        parts: tuple[Any, ...] = (*self[:_BEFORE_COLUMNS], *self[_BEFORE_COLUMNS + 2 : -2])
        rules = (self.rules.kind, *(each.tobytes() for each in self.rules[1:]))
        *columns, names = self.named_transitions
        named: tuple[Any, ...] = (*(each.tobytes() for each in columns), names)
        places = _plain_origins(self.origins) if self.origins else ()
        content = marshal.dumps((FORM, parts, rules, named, places, tuple(map(tuple, self.assertions))))
        return zlib.crc32(content).to_bytes(_CHECKSUM_BYTES, "little") + content

    def type_id(self, name: str) -> int | None:
        """Return the id of a type, an attribute or an alias; None when there is none of that name."""
        try:
            return self.types.index(name)
        except ValueError:
            return self.type_aliases.get(name)

    def members(self, type_id: int) -> int:
        """Return the bitset of the types that a type or attribute stands for."""
        found = self.attributes.get(type_id)
        return 1 << type_id if found is None else found

    def origin(self, number: int) -> "Origin | None":
        """Return the place that an ``origin`` names, or None when it is not known."""
        return self.origins[number - 1] if number else None


def _plain_origins(origins: "Sequence[Origin]") -> tuple[Any, ...]:
    from selbox.model.origin import OriginTable  # policies in the kernel's format have mostly none

    if not isinstance(origins, OriginTable):
        return (tuple(map(tuple, origins)),)
    starts = tuple(each.tobytes() for each in origins.line_starts)
    return origins.files, starts, origins.file.tobytes(), origins.offset.tobytes()


def _read_origins(places: tuple[Any, ...]) -> "Sequence[Origin]":
    from selbox.model.origin import Origin, OriginTable

    if len(places) == 1:
        return tuple(map(Origin._make, places[0]))
    files, starts, file, offset = places
    return OriginTable(files, tuple(map(_column, starts)), _column(file), _column(offset))


def _column(content: bytes) -> "array[int]":
    column = array("I")
    column.frombytes(content)
    return column
