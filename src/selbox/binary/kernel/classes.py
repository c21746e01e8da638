"""Commons, classes and their permissions; a class's constraints stand with it in the file."""

from collections import defaultdict
from collections.abc import Iterable
from struct import Struct

from selbox.binary.cursor import Cursor, printable
from selbox.binary.kernel.constraints import ConstraintReader, Piece, RawConstraint, constraints_pieces
from selbox.binary.kernel.output import encoded, is_hole, u32s
from selbox.binary.kernel.tables import (
    CLASSES,
    COMMONS,
    Names,
    Orders,
    SymbolTable,
    entries_bytes,
    in_order,
    open_table,
    permissions_of,
    read_entries,
    read_name,
    table_bytes,
)
from selbox.binary.kernel.versions import FIRST_VERSIONS, Layout
from selbox.diagnostics import Diagnostics, SelboxError
from selbox.model.binaryform import BinaryForm
from selbox.model.constraint import Constraint, ValidateTransition
from selbox.model.objectclass import Common, DefaultFrom, DefaultRange, ObjectClass
from selbox.model.policy import Policy
from selbox.typing import Final, NamedTuple

MOST_PERMISSIONS: Final = 32
_PERMISSION_HEAD: Final = Struct("<2I")
"""Length of the name, number."""

_SOURCES = tuple(DefaultFrom)
_RANGES = tuple(DefaultRange)


class RawClass(NamedTuple):
    """A class with its constraints before they are resolved."""

    object_class: ObjectClass
    constraints: list[RawConstraint]
    validate_transitions: list[RawConstraint]


def read_commons(cursor: Cursor, orders: Orders) -> tuple[Common, ...]:
    """Read the permissions that classes share."""
    names, entries = open_table(cursor, COMMONS)
    permissions: dict[int, tuple[str, ...]] = {}
    for _ in range(entries):
        length, number, most, own = cursor.u32s(4)
        name = read_name(cursor, length)
        table = permissions_of(COMMONS, name)
        permissions[names.add(number, name)] = _read_permissions(cursor, table, orders, most, own, ())
    return tuple(Common(name, permissions.get(index, ())) for index, name in enumerate(names.complete(orders)))


def _read_permissions(
    cursor: Cursor, table: SymbolTable, orders: Orders, most: int, own: int, inherited: tuple[str, ...]
) -> tuple[str, ...]:
    """Read ``own`` permissions, which follow the inherited ones and have numbers up to ``most``."""
    if most > MOST_PERMISSIONS or own > most:
        cursor.corrupt(f"a class has {own} permissions with numbers up to {most}; {MOST_PERMISSIONS} are possible")
    names = Names(cursor, table, max(most, len(inherited)))
    for (_, number), name in read_entries(cursor, own, _PERMISSION_HEAD):
        names.add(number, name)
    orders[table.name] = names.order
    for number, name in enumerate(inherited, 1):
        names.add(number, name)
    return tuple(names.complete())


def read_classes(cursor: Cursor, orders: Orders, layout: Layout, commons: tuple[Common, ...]) -> list[RawClass]:
    """Read the classes with their permissions, constraints and defaults."""
    names, entries = open_table(cursor, CLASSES)
    shared = {each.name: each.permissions for each in commons}
    constraint_reader = ConstraintReader(cursor, layout, for_transitions=False)
    transition_reader = ConstraintReader(cursor, layout, for_transitions=True)
    classes: dict[int, RawClass] = {}
    for _ in range(entries):
        length, common_length, number, most, own, constraint_count = cursor.u32s(6)
        name = read_name(cursor, length)
        common = read_name(cursor, common_length) if common_length else None
        if common is not None and common not in shared:
            cursor.corrupt(f"class `{name}` inherits `{common}`, which is no common", cursor.offset - common_length)
        inherited = shared[common] if common is not None else ()
        permissions = _read_permissions(cursor, permissions_of(CLASSES, name), orders, most, own, inherited)
        constraints = constraint_reader.read(constraint_count)
        transitions = transition_reader.read(cursor.u32())
        user, role, type_from, level_range = _read_defaults(cursor, layout)
        index = names.add(number, name)
        object_class = ObjectClass(name, common, permissions, user, role, type_from, level_range)
        classes[index] = RawClass(object_class, constraints, transitions)
    return [
        classes.get(index) or RawClass(ObjectClass(name, None, ()), [], [])
        for index, name in enumerate(names.complete(orders))
    ]


def _read_defaults(cursor: Cursor, layout: Layout) -> tuple[DefaultFrom, DefaultFrom, DefaultFrom, DefaultRange]:
    user = role = level_range = type_from = 0
    start = cursor.offset
    if layout.object_defaults:
        user, role, level_range = cursor.u32s(3)
    if layout.default_type:
        type_from = cursor.u32()
    last = len(_RANGES) - (1 if layout.greatest_lower_bound else 2)
    if max(user, role, type_from) >= len(_SOURCES) or level_range > last:
        cursor.corrupt(f"a class has the defaults {user}, {role}, {level_range}, {type_from}", start)
    return _SOURCES[user], _SOURCES[role], _SOURCES[type_from], _RANGES[level_range]


def _permissions_bytes(
    table: SymbolTable, names: tuple[str, ...], inherited: int, form: BinaryForm | None
) -> tuple[int, bytes]:
    """Return how many permissions are a class's own, and their table without its head."""
    entries = {}
    for index in range(inherited, len(names)):
        if not is_hole(names[index]):
            content = encoded(names[index])
            entries[names[index]] = u32s(len(content), index + 1) + content
    return len(entries), entries_bytes(table, entries, form)


def commons_bytes(policy: Policy) -> bytes:
    """Return the table of commons."""
    entries = {}
    form = policy.binary_form
    for index, each in enumerate(policy.commons):
        if is_hole(each.name):
            continue
        content = encoded(each.name)
        own, permissions = _permissions_bytes(permissions_of(COMMONS, each.name), each.permissions, 0, form)
        head = u32s(len(content), index + 1, len(each.permissions), own)
        entries[each.name] = head + content + permissions
    return table_bytes(COMMONS, len(policy.commons), entries, form)


def joined(pieces: Iterable[Piece]) -> bytes:
    """Return pieces as the file has them."""
    return b"".join([piece if isinstance(piece, bytes) else piece.content for piece in pieces])


def classes_pieces(policy: Policy, layout: Layout, diagnostics: Diagnostics) -> list[Piece]:
    """Return the table of classes.

    Defaults that the version cannot say are left out, with the warning ``binary-dropped``.

    Source: ``class_write`` of libsepol.
    """
    constraints: defaultdict[int, list[Constraint | ValidateTransition]] = defaultdict(list)
    transitions: defaultdict[int, list[Constraint | ValidateTransition]] = defaultdict(list)
    for constraint in policy.constraints:
        constraints[constraint.object_class].append(constraint)
    for transition in policy.validate_transitions:
        transitions[transition.object_class].append(transition)
    commons = {each.name: len(each.permissions) for each in policy.commons}
    entries: dict[str, bytes] = {}
    bodies: dict[str, list[Piece]] = {}
    form = policy.binary_form
    for index, each in enumerate(policy.classes):
        if is_hole(each.name):
            continue
        if len(each.permissions) > MOST_PERMISSIONS:
            message = (
                f"class `{printable(each.name)}` has {len(each.permissions)} permissions, and {MOST_PERMISSIONS} are "
                "possible"
            )
            raise SelboxError.of("binary-unwritable", message)
        content, common = encoded(each.name), encoded(each.common or "")
        inherited = commons.get(each.common, 0) if each.common else 0
        own, permissions = _permissions_bytes(permissions_of(CLASSES, each.name), each.permissions, inherited, form)
        head = u32s(len(content), len(common), index + 1, len(each.permissions), own, len(constraints[index]))
        entries[each.name] = b"".join((head, content, common, permissions))
        bodies[each.name] = [
            *constraints_pieces(policy, layout, constraints[index]),
            u32s(len(transitions[index])),
            *constraints_pieces(policy, layout, transitions[index]),
            _defaults_bytes(each, layout, diagnostics),
        ]
    pieces: list[Piece] = [u32s(len(policy.classes), len(entries))]
    for name in in_order(CLASSES, entries, form):
        pieces += (entries[name], *bodies[name])
    return pieces


def _defaults_bytes(each: ObjectClass, layout: Layout, diagnostics: Diagnostics) -> bytes:
    result = b""
    default_range = each.default_range
    if default_range is DefaultRange.GLBLUB and not layout.greatest_lower_bound:
        _drop(each, "defaultrange glblub", "greatest_lower_bound", layout, diagnostics)
        default_range = DefaultRange.UNSPECIFIED
    if layout.object_defaults:
        result = u32s(
            _SOURCES.index(each.default_user), _SOURCES.index(each.default_role), _RANGES.index(default_range)
        )
    else:
        for value, statement in ((each.default_user, "defaultuser"), (each.default_role, "defaultrole")):
            if value is not DefaultFrom.UNSPECIFIED:
                _drop(each, statement, "object_defaults", layout, diagnostics)
        if default_range is not DefaultRange.UNSPECIFIED:
            _drop(each, "defaultrange", "object_defaults", layout, diagnostics)
    if layout.default_type:
        result += u32s(_SOURCES.index(each.default_type))
    elif each.default_type is not DefaultFrom.UNSPECIFIED:
        _drop(each, "defaulttype", "default_type", layout, diagnostics)
    return result


def _drop(each: ObjectClass, statement: str, part: str, layout: Layout, diagnostics: Diagnostics) -> None:
    diagnostics.warning(
        "binary-dropped",
        f"policy version {layout.version} cannot hold `{statement}` of class `{printable(each.name)}`; it is left out",
        help=f"write version {FIRST_VERSIONS[part]} or later",
    )
