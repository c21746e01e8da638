"""A rule that a query has found, as a value with names."""

from selbox.analysis.catalogue import Catalogue
from selbox.analysis.ruletext import (
    FIRST_TYPE_KIND,
    KEYWORDS,
    Texts,
    extended_permission,
    number_ranges,
    permission_names,
    range_text,
)
from selbox.typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from selbox.analysis.table import Cell, Table


class FoundRule(NamedTuple):
    """A rule.

    Attributes:
        kind: the keyword, such as ``allow``.
        source: type, attribute or, for rules about roles, role.
        target: likewise.
        object_class: name of the class; None for a role's ``allow``.
        permissions: names, in the order of the class.
        numbers: of an extended rule, as ranges with both ends included.
        default: type, role or range that a rule results in.
        name: the new object's name that a type transition asks for.
        condition: the expression under which it holds, as SETools writes it.
        branch: whether it holds when that is true, or when it is not.
        places: ``FILE:LINE:COLUMN`` of every statement that it comes from, where known.
        text: the rule, as SETools writes it.
    """

    kind: str
    source: str
    target: str
    object_class: str | None = None
    permissions: tuple[str, ...] = ()
    numbers: tuple[tuple[int, int], ...] = ()
    default: str | None = None
    name: str | None = None
    condition: str | None = None
    branch: bool | None = None
    places: tuple[str, ...] = ()
    text: str = ""

    def __str__(self) -> str:
        return self.text


COLUMNS = FoundRule._fields[:-1]
"""Columns of a table of rules."""


def rules_table(rules: "Iterable[FoundRule]") -> "Table":
    """Return rules as a table, sorted by their text."""
    from selbox.analysis.table import Table  # whoever wants lines does not pay for it

    rows: list[tuple[Cell, ...]] = []
    for each in sorted(rules, key=lambda rule: rule.text):
        numbers = tuple(f"{low:#06x}" if low == high else f"{low:#06x}-{high:#06x}" for low, high in each.numbers)
        rows.append((*each[:5], numbers, *each[6:-1]))
    return Table(COLUMNS, rows)


def _places(catalogue: Catalogue, *origins: int) -> tuple[str, ...]:
    found = (catalogue.origin(each) for each in origins)
    return tuple(dict.fromkeys(each.place for each in found if each is not None))


def found_rule(catalogue: Catalogue, texts: Texts, row: int, text: str) -> FoundRule:
    """Return a row of ``rules``."""
    columns = catalogue.rules
    kind, object_class, data, condition = (
        columns.kind[row],
        columns.object_class[row],
        columns.data[row],
        columns.condition[row],
    )
    is_type_rule = kind >= FIRST_TYPE_KIND
    origin = columns.origin[row] if columns.origin else 0
    return FoundRule(
        KEYWORDS[kind],
        catalogue.types[columns.source[row]],
        catalogue.types[columns.target[row]],
        catalogue.classes[object_class],
        () if is_type_rule else tuple(permission_names(catalogue.permissions[object_class], data)),
        default=catalogue.types[data] if is_type_rule else None,
        condition=texts.condition(condition) if condition else None,
        branch=bool(condition % 2) if condition else None,
        places=_places(catalogue, origin, *catalogue.further_origins.get(row, ())),
        text=text,
    )


def found_extended(catalogue: Catalogue, texts: Texts, row: int, text: str) -> FoundRule:
    """Return a row of ``extended``."""
    kind, source, target, object_class, specifier, driver, permissions, condition, origin = catalogue.extended[row]
    return FoundRule(
        KEYWORDS[kind],
        catalogue.types[source],
        catalogue.types[target],
        catalogue.classes[object_class],
        (extended_permission(specifier),),
        tuple(number_ranges(specifier, driver, permissions)),
        condition=texts.condition(condition) if condition else None,
        branch=bool(condition % 2) if condition else None,
        places=_places(catalogue, origin),
        text=text,
    )


def found_named(catalogue: Catalogue, row: int, text: str) -> FoundRule:
    """Return a row of ``named_transitions``."""
    columns = catalogue.named_transitions
    return FoundRule(
        "type_transition",
        catalogue.types[columns.source[row]],
        catalogue.types[columns.target[row]],
        catalogue.classes[columns.object_class[row]],
        default=catalogue.types[columns.result[row]],
        name=columns.names[columns.name[row]],
        places=_places(catalogue, columns.origin[row] if columns.origin else 0),
        text=text,
    )


def found_assertion(catalogue: Catalogue, row: int, text: str) -> FoundRule:
    """Return a row of ``assertions``."""
    each = catalogue.assertions[row]
    return FoundRule(
        each.kind,
        each.source,
        each.target,
        catalogue.classes[each.object_class],
        tuple(permission_names(catalogue.permissions[each.object_class], each.permissions)),
        tuple(number_ranges(0, 0, each.numbers)),
        places=(each.place,),
        text=text,
    )


def found_role_allow(catalogue: Catalogue, row: int, text: str) -> FoundRule:
    """Return a row of ``role_allows``."""
    source, target, origin = catalogue.role_allows[row]
    return FoundRule(
        "allow", catalogue.roles[source], catalogue.roles[target], places=_places(catalogue, origin), text=text
    )


def found_role_transition(catalogue: Catalogue, row: int, text: str) -> FoundRule:
    """Return a row of ``role_transitions``."""
    source, target, object_class, result, origin = catalogue.role_transitions[row]
    return FoundRule(
        "role_transition",
        catalogue.roles[source],
        catalogue.types[target],
        catalogue.classes[object_class],
        default=catalogue.roles[result],
        places=_places(catalogue, origin),
        text=text,
    )


def found_range_transition(catalogue: Catalogue, row: int, text: str) -> FoundRule:
    """Return a row of ``range_transitions``."""
    source, target, object_class, low, high, origin = catalogue.range_transitions[row]
    return FoundRule(
        "range_transition",
        catalogue.types[source],
        catalogue.types[target],
        catalogue.classes[object_class],
        default=range_text(catalogue, low, high),
        places=_places(catalogue, origin),
        text=text,
    )
