"""Symbol tables of a module: commons, classes, roles, types, users, booleans, sensitivities and categories.

Source: the ``_read`` functions of libsepol's ``policydb.c``, ``cond_read_bool``.
"""

from collections.abc import Callable

from selbox.binary.modulesections import versions
from selbox.binary.modulesections.constraints import read_constraints
from selbox.binary.modulesections.levels import as_semantic, read_level, read_range
from selbox.binary.modulesections.reader import ModuleReader
from selbox.binary.modulesections.values import (
    ALIAS,
    ATTRIBUTE,
    CATEGORIES,
    KINDS,
    NEVERAUDIT,
    NO_TYPES,
    PERMISSIVE,
    TYPE,
    Boolean,
    Category,
    Common,
    ObjectClass,
    Role,
    SemanticLevel,
    Sensitivity,
    SymbolTable,
    SymbolTables,
    Type,
    User,
)
from selbox.typing import Any, Final, TypeVar

_Symbol = TypeVar("_Symbol")

PRIMARY_BIT: Final = 1
ATTRIBUTE_BIT: Final = 2
ALIAS_BIT: Final = 4
PERMISSIVE_BIT: Final = 8
NEVERAUDIT_BIT: Final = 16
"""Properties of types, as files have them."""

_NO_LEVEL = SemanticLevel(0, ())
_MOST_PERMISSIONS = 32


_shared_permissions: dict[tuple[str, int], tuple[bytes, dict[str, int]]] = {}
"""The permissions that a class of this name and number of permissions had when it was last read, with their bytes.
The modules of one policy require the same classes: where the same bytes stand, there are the same permissions."""

_MOST_SHARED = 4096


def _permissions(reader: ModuleReader, class_name: str, number: int) -> dict[str, int]:
    cursor = reader.cursor
    start = cursor.offset
    key = (class_name, number)
    if key in _shared_permissions:
        known_bytes, permissions = _shared_permissions[key]
        if cursor.data.startswith(known_bytes, start):
            cursor.offset = start + len(known_bytes)
            return permissions
    permissions = _read_permissions(reader, number)
    if len(_shared_permissions) >= _MOST_SHARED:
        _shared_permissions.clear()
    _shared_permissions[key] = (cursor.data[start : cursor.offset], permissions)
    return permissions


def _read_permissions(reader: ModuleReader, number: int) -> dict[str, int]:
    cursor = reader.cursor
    permissions = {}
    for _ in range(number):
        size, value = cursor.u32s(2)
        if not 0 < value <= _MOST_PERMISSIONS:
            cursor.corrupt(f"a permission has the number {value}, and a class has at most 32", cursor.offset - 4)
        permissions[reader.name(size)] = value
    return permissions


def _common(reader: ModuleReader) -> tuple[str, Common]:
    size, value, _, number = reader.cursor.u32s(4)
    name = reader.name(size)
    return name, Common(value, _permissions(reader, name, number))


def _class(reader: ModuleReader) -> tuple[str, ObjectClass]:
    cursor = reader.cursor
    size, common_size, value, count, number, constraint_count = cursor.u32s(6)
    if count > _MOST_PERMISSIONS:
        cursor.corrupt(f"a class has {count} permissions, and at most 32 are possible", cursor.offset - 12)
    name = reader.name(size)
    common = reader.name(common_size) if common_size else ""
    permissions = _permissions(reader, name, number)
    constraints = read_constraints(reader, constraint_count)
    if not reader.is_base:
        return name, ObjectClass(value, common, permissions, count, constraints)
    validatetrans = read_constraints(reader, cursor.u32()) if reader.version >= versions.VALIDATETRANS else ()
    user = role = range_ = type_ = 0
    if reader.version >= versions.OBJECT_DEFAULTS:
        user, role, range_ = cursor.u32s(3)
    if reader.version >= versions.DEFAULT_TYPE:
        type_ = cursor.u32()
    if max(user, role, type_) > 2 or range_ > 7:
        cursor.corrupt("a default of a class is none that is known")
    defaults = (user, role, type_, range_)
    return name, ObjectClass(value, common, permissions, count, constraints, validatetrans, defaults)


def _role(reader: ModuleReader) -> tuple[str, Role]:
    cursor = reader.cursor
    size, value = cursor.u32s(2)
    bounds = cursor.u32() if reader.version >= versions.BOUNDS else 0
    name = reader.name(size)
    dominates, types = reader.bitmap(), reader.type_set()
    kind, roles = TYPE, 0
    if reader.version >= versions.ROLE_ATTRIBUTES:
        kind, roles = cursor.u32(), reader.bitmap()
        if kind > ATTRIBUTE:
            cursor.corrupt(f"role `{name}` is neither role nor attribute")
    return name, Role(value, bounds, dominates, types, kind, roles)


def _type(reader: ModuleReader) -> tuple[str, Type]:
    cursor = reader.cursor
    bounds = flags = 0
    if reader.version >= versions.BOUNDS:
        if reader.version >= versions.ALIAS_BOUNDS:
            size, value, primary, properties, bounds = cursor.u32s(5)
        else:
            size, value, properties, bounds = cursor.u32s(4)
            primary = properties & 1
        kind = ALIAS if properties & ALIAS_BIT else ATTRIBUTE if properties & ATTRIBUTE_BIT else TYPE
        flags = PERMISSIVE if properties & PERMISSIVE_BIT else 0
        if properties & NEVERAUDIT_BIT and reader.version >= versions.NEVERAUDIT:
            flags |= NEVERAUDIT
    else:
        size, value, primary, kind = cursor.u32s(4)
        if reader.version >= versions.PERMISSIVE:
            flags = cursor.u32()
    types = reader.bitmap()
    name = reader.name(size)
    if kind > ALIAS:
        cursor.corrupt(f"type `{name}` is neither type nor attribute nor alias")
    return name, Type(value, primary, kind, flags, bounds, types)


def _user(reader: ModuleReader) -> tuple[str, User]:
    cursor = reader.cursor
    size, value = cursor.u32s(2)
    bounds = cursor.u32() if reader.version >= versions.BOUNDS else 0
    name = reader.name(size)
    roles = reader.role_set()
    low = high = level = _NO_LEVEL
    if reader.version >= versions.MLS_USERS:
        low, high, level = reader.level(), reader.level(), reader.level()
    elif reader.version >= versions.MLS:
        low, high = (as_semantic(each) for each in read_range(reader))
        level = as_semantic(read_level(reader))
    return name, User(value, bounds, roles, low, high, level)


def _boolean(reader: ModuleReader) -> tuple[str, Boolean]:
    cursor = reader.cursor
    value, state, size = cursor.u32s(3)
    if state > 1:
        cursor.corrupt(f"a boolean is {state}, and not 0 or 1", cursor.offset - 8)
    name = reader.name(size)
    tunable = reader.version >= versions.TUNABLES and bool(cursor.u32() & 1)
    return name, Boolean(value, bool(state), tunable)


def _sensitivity(reader: ModuleReader) -> tuple[str, Sensitivity]:
    size, is_alias = reader.cursor.u32s(2)
    name = reader.name(size)
    level = read_level(reader)
    return name, Sensitivity(bool(is_alias), level.sensitivity, level.categories)


def _category(reader: ModuleReader) -> tuple[str, Category]:
    size, value, is_alias = reader.cursor.u32s(3)
    return reader.name(size), Category(value, bool(is_alias))


_READERS: tuple[Callable[[ModuleReader], tuple[str, Any]], ...] = (
    _common,
    _class,
    _role,
    _type,
    _user,
    _boolean,
    _sensitivity,
    _category,
)


def _is_second_name(symbol: Any) -> bool:
    if isinstance(symbol, Type):
        return not symbol.primary
    return isinstance(symbol, Category | Sensitivity) and symbol.is_alias


_shared_categories: dict[int, tuple[bytes, SymbolTable[Any]]] = {}
"""The last table of categories that was read, with its bytes, by version; likewise the same in all modules."""


def _read_table(reader: ModuleReader, kind: int) -> SymbolTable[Any]:
    if kind != CATEGORIES:
        return _read_symbols(reader, kind)
    cursor = reader.cursor
    start = cursor.offset
    if shared := _shared_categories.get(reader.version):
        known_bytes, table = shared
        if cursor.data.startswith(known_bytes, start):
            cursor.offset = start + len(known_bytes)
            return table
    table = _read_symbols(reader, kind)
    _shared_categories[reader.version] = (cursor.data[start : cursor.offset], table)
    return table


def _read_symbols(reader: ModuleReader, kind: int) -> SymbolTable[Any]:
    cursor = reader.cursor
    cursor.u32()  # the highest value; those that are there are counted
    count = cursor.count(12)
    read = _READERS[kind]
    symbols: dict[str, Any] = {}
    names: dict[int, str] = {}
    highest = 0
    for _ in range(count):
        start = cursor.offset
        name, symbol = read(reader)
        if name in symbols:
            cursor.corrupt(f"`{name}` is defined twice", start)
        symbols[name] = symbol
        value: int = symbol.value
        if not 0 < value <= count + 1 and not _is_second_name(symbol):
            cursor.corrupt(f"`{name}` has the number {value}, and there are {count} symbols", start)
        if not _is_second_name(symbol):
            if value in names:
                cursor.corrupt(f"`{name}` has the number {value}, which `{names[value]}` has", start)
            names[value] = name
            highest = max(highest, value)
    return SymbolTable(symbols, names, _set_of(names, highest))


def _set_of(names: dict[int, str], highest: int) -> int:
    if len(names) == highest:
        return (1 << highest) - 1
    bits = bytearray((highest >> 3) + 1)
    for value in names:
        bits[(value - 1) >> 3] |= 1 << ((value - 1) & 7)
    return int.from_bytes(bits, "little")


def read_symbol_tables(reader: ModuleReader) -> SymbolTables:
    """Read the symbol tables of the module, all kinds.

    Raises:
        SelboxError: ``binary-truncated`` or ``binary-corrupt``.
    """
    tables = []
    for kind, plural in enumerate(KINDS):
        reader.cursor.section = plural
        tables.append(_read_table(reader, kind))
    result = SymbolTables(*tables)
    # object_r is built in: it has number 1 in every policy, whether the file says so or not.
    if "object_r" not in result.roles.symbols:
        roles = result.roles
        symbols = {"object_r": Role(1, 0, 1, NO_TYPES, TYPE, 0), **roles.symbols}
        result = result._replace(roles=SymbolTable(symbols, {1: "object_r"} | roles.names, roles.known | 1))
    check_references(reader, result, result)
    return result


_EMPTY_TABLE: SymbolTable[Any] = SymbolTable({}, {}, 0)
_NOTHING_ADDED = bytes(8 * len(KINDS))
_EMPTY_TABLES = SymbolTables(*[_EMPTY_TABLE] * len(KINDS))


def read_additions(reader: ModuleReader, tables: SymbolTables) -> SymbolTables:
    """Read what a declaration adds to symbols of the module.

    Args:
        reader: stands at the tables of a declaration.
        tables: those of the module.

    Raises:
        SelboxError: ``binary-truncated`` or ``binary-corrupt``.
    """
    cursor = reader.cursor
    if cursor.data.startswith(_NOTHING_ADDED, cursor.offset):
        cursor.offset += len(_NOTHING_ADDED)
        return _EMPTY_TABLES
    additions: list[SymbolTable[Any]] = []
    for kind, read in enumerate(_READERS):
        _, count = cursor.u32s(2)
        if not count:
            additions.append(_EMPTY_TABLE)
            continue
        symbols = {}
        known = tables[kind].symbols
        for _ in range(count):
            start = cursor.offset
            name, symbol = read(reader)
            if name not in known:
                cursor.corrupt(f"something is added to `{name}`, which the module does not define", start)
            symbols[name] = symbol
        additions.append(SymbolTable(symbols, {}, 0))
    if not any(each.symbols for each in additions):
        return _EMPTY_TABLES
    result = SymbolTables(*additions)
    check_references(reader, result, tables)
    return result


def check_references(reader: ModuleReader, symbols: SymbolTables, tables: SymbolTables) -> None:
    """Check that symbols refer to symbols that exist.

    Args:
        reader: where the file is read, for the message.
        symbols: those that are checked.
        tables: those of the module.

    Raises:
        SelboxError: ``binary-corrupt``.
    """
    for name, object_class in symbols.classes.symbols.items():
        if object_class.common and object_class.common not in tables.commons.symbols:
            reader.unknown(f"class `{name}`")
        for constraint in object_class.constraints + object_class.validatetrans:
            _check_constraint(reader, name, constraint.expression, tables)
    _check_types(reader, symbols, tables)
    for name, user in symbols.users.symbols.items():
        if user.roles.roles & ~tables.roles.known:
            reader.unknown(f"user `{name}`")
        for level in (user.low, user.high, user.level):
            check_level(reader, level, tables)
    for name, sensitivity in symbols.sensitivities.symbols.items():
        if sensitivity.categories & ~tables.categories.known:
            reader.unknown(f"sensitivity `{name}`")


def _check_types(reader: ModuleReader, symbols: SymbolTables, tables: SymbolTables) -> None:
    types, type_names = tables.types.known, tables.types.names
    for name, role in symbols.roles.symbols.items():
        if (role.types.types | role.types.excluded) & ~types or role.roles & ~tables.roles.known:
            reader.unknown(f"role `{name}`")
        if role.bounds and role.bounds not in tables.roles.names:
            reader.unknown(f"role `{name}`")
    for name, type_ in symbols.types.symbols.items():
        if type_.types & ~types or (type_.bounds and type_.bounds not in type_names):
            reader.unknown(f"type `{name}`")
        meaning = type_.primary if type_.kind == ALIAS else type_.value
        # In a block of its own an alias may be of a type that is told elsewhere.
        is_told_elsewhere = type_.kind == ALIAS and not meaning and symbols is not tables
        if meaning not in type_names and not is_told_elsewhere:
            reader.unknown(f"alias `{name}`")


def check_level(reader: ModuleReader, level: SemanticLevel, tables: SymbolTables) -> None:
    """Check that the categories of a level exist, and its sensitivity if it has one.

    Raises:
        SelboxError: ``binary-corrupt``.
    """
    known = tables.categories.names
    for low, high in level.categories:
        if low not in known or high not in known:
            reader.unknown("a level")
    if level.sensitivity and level.sensitivity not in tables.sensitivities.names:
        reader.unknown("a level")


def _check_constraint(reader: ModuleReader, name: str, expression: tuple[Any, ...], tables: SymbolTables) -> None:
    for term in expression:
        named = tables.users.known if term.attribute & 1 else tables.roles.known
        if (term.types.types | term.types.excluded) & ~tables.types.known or (
            not term.attribute & 4 and term.names & ~named
        ):
            reader.unknown(f"a constraint of class `{name}`")
