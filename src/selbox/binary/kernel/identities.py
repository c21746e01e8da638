"""Roles, types with their attributes, and users."""

from collections.abc import Iterable, Sequence
from struct import Struct

from selbox.binary.cursor import Cursor
from selbox.binary.ebitmap import ebitmap_bytes, read_ebitmap
from selbox.binary.kernel.contexts import Symbols
from selbox.binary.kernel.levels import level_bytes, range_bytes, read_level, read_range
from selbox.binary.kernel.output import encoded, is_hole, u32s
from selbox.binary.kernel.tables import ROLES, TYPES, USERS, Orders, open_table, read_entries, read_name, table_bytes
from selbox.model.bitset import bitset
from selbox.model.mls import LOWEST, LevelRange
from selbox.model.policy import Policy
from selbox.model.symbols import Role, User
from selbox.typing import Final, NamedTuple

OBJECT_ROLE: Final = "object_r"

_OBJECT_ROLE = 0x1
_PRIMARY = 0x1
_ATTRIBUTE = 0x2
_TYPE_HEAD = Struct("<4I")
"""Length of the name, number, properties, number of the bounding type."""


class RawTypes(NamedTuple):
    """Types and attributes before the map of attributes is read.

    Attributes:
        names, are_attributes, bounds: by id, as in :class:`Type`.
        aliases: likewise, of those that have some.
        attributes: bitset of the ids of attributes.
    """

    names: list[str]
    are_attributes: list[bool]
    bounds: list[int | None]
    aliases: dict[int, tuple[str, ...]]
    attributes: int


def read_roles(cursor: Cursor, orders: Orders) -> list[Role]:
    """Read the roles; that their types exist is checked by :func:`check_roles`."""
    names, entries = open_table(cursor, ROLES)
    roles: dict[int, Role] = {}
    for _ in range(entries):
        length, number, bounds = cursor.u32s(3)
        name = read_name(cursor, length)
        index = names.add(number, name)
        if name == OBJECT_ROLE and index:
            cursor.corrupt(f"role `{OBJECT_ROLE}` has number {number} instead of 1")
        dominates = read_ebitmap(cursor)
        roles[index] = Role(name, read_ebitmap(cursor), _bound(cursor, bounds, names.count), dominates)
    result = [roles.get(index) or Role(name, 0) for index, name in enumerate(names.complete(orders))]
    for each in result:
        if each.dominates >> len(result):
            cursor.corrupt(f"role `{each.name}` dominates role number {each.dominates.bit_length()} of {len(result)}")
    _check_bounds(cursor, [each.bounds for each in result], [each.name for each in result])
    return result


def check_roles(cursor: Cursor, roles: Iterable[Role], types: int, attributes: int) -> tuple[Role, ...]:
    """Return the roles with their final types; ``object_r`` goes with all of them.

    Args:
        cursor: for messages.
        roles: as the table has them.
        types: how many types and attributes there are.
        attributes: bitset of the ids of attributes.
    """
    plain = (1 << types) - 1 & ~attributes
    result = []
    for role in roles:
        if role.types >> types:
            cursor.section = "roles"
            cursor.corrupt(f"role `{role.name}` has type number {role.types.bit_length()} of {types}")
        result.append(role._replace(types=plain) if role.name == OBJECT_ROLE else role)
    return tuple(result)


def read_types(cursor: Cursor, orders: Orders) -> RawTypes:
    """Read types, attributes and aliases.

    Numbers without a name are attributes, whose names some compilers leave out; they get names as setools gives
    (``@ttr0012``).
    """
    names, entries = open_table(cursor, TYPES)
    are_attributes = [True] * names.count
    bounding: list[int | None] = [None] * names.count
    add = names.add
    for (_, number, properties, bounds), name in read_entries(cursor, entries, _TYPE_HEAD):
        if properties & ~(_PRIMARY | _ATTRIBUTE):
            cursor.corrupt(f"type `{name}` has the properties {properties:#x}")
        if not properties & _PRIMARY:
            names.add(number, name, is_alias=True)
            continue
        index = add(number, name)
        if not properties & _ATTRIBUTE:
            are_attributes[index] = False
        if bounds:
            bounding[index] = _bound(cursor, bounds, names.count)
    complete = names.complete(orders)
    _check_bounds(cursor, bounding, complete)
    attributes = bitset(index for index, is_attribute in enumerate(are_attributes) if is_attribute)
    return RawTypes(complete, are_attributes, bounding, names.aliases, attributes)


def _bound(cursor: Cursor, number: int, count: int) -> int | None:
    if number > count:
        cursor.corrupt(f"a symbol is bounded by number {number} of {count}")
    return number - 1 if number else None


def _check_bounds(cursor: Cursor, bounds: Sequence[int | None], names: Sequence[str]) -> None:
    """Refuse bounds that lead back to where they begin."""
    if bounds.count(None) == len(bounds):
        return
    checked = [each is None for each in bounds]
    for start in range(len(bounds)):
        path: list[int] = []
        index: int | None = start
        on_path: set[int] = set()
        while index is not None and not checked[index]:
            if index in on_path:
                cursor.corrupt(f"`{names[index]}` is bounded by itself, directly or through others")
            on_path.add(index)
            path.append(index)
            index = bounds[index]
        for each in path:
            checked[each] = True


def read_users(cursor: Cursor, orders: Orders, roles: int, *, mls: bool) -> list[User]:
    """Read the users; that their levels exist is checked by :func:`check_users`.

    Args:
        cursor: stands at the table.
        orders: takes the order of the table.
        roles: how many roles there are.
        mls: whether levels mean anything.
    """
    names, entries = open_table(cursor, USERS)
    users: dict[int, User] = {}
    for _ in range(entries):
        length, number, bounds = cursor.u32s(3)
        name = read_name(cursor, length)
        index = names.add(number, name)
        role_set = read_ebitmap(cursor)
        if role_set >> roles:
            cursor.corrupt(f"user `{name}` has role number {role_set.bit_length()} of {roles}")
        level_range = read_range(cursor, mls=mls)
        default = read_level(cursor, mls=mls)
        users[index] = User(name, role_set, default, level_range, _bound(cursor, bounds, names.count))
    nobody = LevelRange(LOWEST, LOWEST)
    result = [users.get(index) or User(name, 0, LOWEST, nobody) for index, name in enumerate(names.complete(orders))]
    _check_bounds(cursor, [each.bounds for each in result], [each.name for each in result])
    return result


def check_users(cursor: Cursor, symbols: Symbols) -> None:
    """Refuse levels of users that do not exist, and ranges whose levels are the wrong way round."""
    for user in symbols.users:
        if not symbols.has_range(user.range) or not symbols.has_level(user.default_level):
            cursor.section = "users"
            cursor.corrupt(f"user `{user.name}` has a level or range that does not exist")


def roles_bytes(policy: Policy) -> bytes:
    """Return the table of roles; the types of ``object_r`` go without saying."""
    entries = {}
    form = policy.binary_form
    for index, each in enumerate(policy.roles):
        if is_hole(each.name):
            continue
        content = encoded(each.name)
        head = u32s(len(content), index + 1, 0 if each.bounds is None else each.bounds + 1)
        types = each.types
        if index == 0:
            types = form.object_role_types if form is not None else 0
        entries[each.name] = b"".join((head, content, ebitmap_bytes(each.dominates), ebitmap_bytes(types)))
    return table_bytes(ROLES, len(policy.roles), entries, form)


def types_bytes(policy: Policy) -> bytes:
    """Return the table of types, attributes and aliases."""
    entries = {}
    form = policy.binary_form
    for index, each in enumerate(policy.types):
        bounds = 0 if each.bounds is None else each.bounds + 1
        properties = _PRIMARY | (_ATTRIBUTE if each.is_attribute else 0)
        for name in (each.name, *each.aliases):
            if not is_hole(name):
                content = encoded(name)
                entries[name] = u32s(len(content), index + 1, properties, bounds) + content
            properties = bounds = 0
    return table_bytes(TYPES, len(policy.types), entries, form)


def users_bytes(policy: Policy) -> bytes:
    """Return the table of users; that they may take ``object_r`` goes without saying."""
    entries = {}
    form = policy.binary_form
    for index, each in enumerate(policy.users):
        if is_hole(each.name):
            continue
        content = encoded(each.name)
        head = u32s(len(content), index + 1, 0 if each.bounds is None else each.bounds + 1)
        levels = range_bytes(each.range, policy.mls) + level_bytes(each.default_level, policy.mls)
        roles = each.roles if form is not None else each.roles & ~_OBJECT_ROLE
        entries[each.name] = b"".join((head, content, ebitmap_bytes(roles), levels))
    return table_bytes(USERS, len(policy.users), entries, form)
