"""Symbol tables of a module: commons, classes, roles, types, users, booleans, sensitivities and categories.

Source: the ``_write`` functions of libsepol's ``write.c``.
"""

from collections.abc import Callable

from selbox.binary.ebitmap import ebitmap_bytes
from selbox.binary.kernel.output import encoded, u32s
from selbox.binary.modulesections import versions
from selbox.binary.modulesections.symbols import (
    ALIAS_BIT,
    ATTRIBUTE_BIT,
    NEVERAUDIT_BIT,
    PERMISSIVE_BIT,
    PRIMARY_BIT,
)
from selbox.binary.modulesections.values import (
    ALIAS,
    ATTRIBUTE,
    NEVERAUDIT,
    PERMISSIVE,
    TYPE,
    Boolean,
    Category,
    Common,
    ObjectClass,
    Role,
    Sensitivity,
    SymbolTable,
    SymbolTables,
    Type,
    User,
)
from selbox.binary.modulewriting.constraints import constraints_bytes
from selbox.binary.modulewriting.parts import (
    ModuleForm,
    context_level,
    level_bytes,
    range_bytes,
    role_set_bytes,
    type_set_bytes,
)
from selbox.typing import Any


def symbol_tables_bytes(tables: SymbolTables, form: ModuleForm) -> bytes:
    """Return the symbol tables of a module, or what a declaration adds to them.

    Raises:
        SelboxError: ``binary-unwritable``.
    """
    return b"".join([_table_bytes(tables[kind], write, form) for kind, write in enumerate(_WRITERS)])


def _table_bytes(
    table: SymbolTable[Any], write: Callable[[str, bytes, Any, ModuleForm], bytes], form: ModuleForm
) -> bytes:
    # What a declaration adds has no numbers of its own, and no highest one.
    pieces = [u32s(table.known.bit_length(), len(table.symbols))]
    pieces += [write(name, encoded(name), symbol, form) for name, symbol in table.symbols.items()]
    return b"".join(pieces)


def _permissions(permissions: dict[str, int]) -> bytes:
    pieces: list[bytes] = []
    for name, value in permissions.items():
        content = encoded(name)
        pieces += (u32s(len(content), value), content)
    return b"".join(pieces)


def _common(_name: str, key: bytes, common: Common, _form: ModuleForm) -> bytes:
    permissions = common.permissions
    head = u32s(len(key), common.value, max(permissions.values(), default=0), len(permissions))
    return head + key + _permissions(permissions)


def _class(name: str, key: bytes, object_class: ObjectClass, form: ModuleForm) -> bytes:
    common = encoded(object_class.common)
    permissions, constraints = object_class.permissions, object_class.constraints
    numbers = (object_class.value, object_class.highest, len(permissions), len(constraints))
    pieces = [
        u32s(len(key), len(common), *numbers),
        key,
        common,
        _permissions(permissions),
        constraints_bytes(constraints),
    ]
    if form.is_base:
        pieces.append(_of_base(name, object_class, form))
    return b"".join(pieces)


def _of_base(name: str, object_class: ObjectClass, form: ModuleForm) -> bytes:
    """Return what only classes of base modules have."""
    pieces: list[bytes] = []
    if object_class.validatetrans:
        form.need(versions.VALIDATETRANS, f"which changes of `{name}` are valid")
    if form.version >= versions.VALIDATETRANS:
        pieces += (u32s(len(object_class.validatetrans)), constraints_bytes(object_class.validatetrans))
    user, role, type_, range_ = object_class.defaults
    if user or role or range_:
        form.need(versions.OBJECT_DEFAULTS, f"defaults of the class `{name}`")
    if form.version >= versions.OBJECT_DEFAULTS:
        pieces.append(u32s(user, role, range_))
    if type_:
        form.need(versions.DEFAULT_TYPE, f"the default_type of the class `{name}`")
    if form.version >= versions.DEFAULT_TYPE:
        pieces.append(u32s(type_))
    return b"".join(pieces)


def _bounds(name: str, bounds: int, form: ModuleForm) -> tuple[int, ...]:
    """Return the bounds of a symbol, where the version has such."""
    if form.version >= versions.BOUNDS:
        return (bounds,)
    if bounds:
        form.need(versions.BOUNDS, f"what bounds `{name}`")
    return ()


def _role(name: str, key: bytes, role: Role, form: ModuleForm) -> bytes:
    head = u32s(len(key), role.value, *_bounds(name, role.bounds, form))
    content = head + key + ebitmap_bytes(role.dominates) + type_set_bytes(role.types)
    if form.version >= versions.ROLE_ATTRIBUTES:
        return content + u32s(role.kind) + ebitmap_bytes(role.roles)
    if role.kind != TYPE:
        form.need(versions.ROLE_ATTRIBUTES, f"that `{name}` is an attribute of roles")
    return content


def _type(name: str, key: bytes, type_: Type, form: ModuleForm) -> bytes:
    bounds, flags = _bounds(name, type_.bounds, form), type_.flags
    if flags & PERMISSIVE:
        form.need(versions.PERMISSIVE, f"that `{name}` is permissive")
    if flags & NEVERAUDIT and form.drop(versions.NEVERAUDIT, f"that `{name}` is never audited"):
        flags &= ~NEVERAUDIT
    if form.version >= versions.BOUNDS:
        properties = PRIMARY_BIT if type_.primary else 0
        properties |= {ATTRIBUTE: ATTRIBUTE_BIT, ALIAS: ALIAS_BIT}.get(type_.kind, 0)
        properties |= PERMISSIVE_BIT if flags & PERMISSIVE else 0
        properties |= NEVERAUDIT_BIT if flags & NEVERAUDIT else 0
        primary = (type_.primary,) if form.version >= versions.ALIAS_BOUNDS else ()
        numbers = (type_.value, *primary, properties, *bounds)
    else:
        numbers = (type_.value, type_.primary, type_.kind)
        if form.version >= versions.PERMISSIVE:
            numbers = (*numbers, flags)
    return u32s(len(key), *numbers) + ebitmap_bytes(type_.types) + key


def _user(name: str, key: bytes, user: User, form: ModuleForm) -> bytes:
    head = u32s(len(key), user.value, *_bounds(name, user.bounds, form))
    content = head + key + role_set_bytes(user.roles)
    if form.version >= versions.MLS_USERS:
        return content + level_bytes(user.low) + level_bytes(user.high) + level_bytes(user.level)
    if form.version >= versions.MLS:
        low, high, level = (context_level(each) for each in (user.low, user.high, user.level))
        return content + range_bytes(low, high) + u32s(level.sensitivity) + ebitmap_bytes(level.categories)
    if user.low.sensitivity:
        form.need(versions.MLS, f"which levels `{name}` has")
    return content


def _boolean(name: str, key: bytes, boolean: Boolean, form: ModuleForm) -> bytes:
    content = u32s(boolean.value, boolean.state, len(key)) + key
    if form.version >= versions.TUNABLES:
        return content + u32s(boolean.tunable)
    if boolean.tunable:
        form.need(versions.TUNABLES, f"that `{name}` is a tunable")
    return content


def _sensitivity(_name: str, key: bytes, sensitivity: Sensitivity, _form: ModuleForm) -> bytes:
    level = u32s(sensitivity.value) + ebitmap_bytes(sensitivity.categories)
    return u32s(len(key), sensitivity.is_alias) + key + level


def _category(_name: str, key: bytes, category: Category, _form: ModuleForm) -> bytes:
    return u32s(len(key), category.value, category.is_alias) + key


_WRITERS: tuple[Callable[[str, bytes, Any, ModuleForm], bytes], ...] = (
    _common,
    _class,
    _role,
    _type,
    _user,
    _boolean,
    _sensitivity,
    _category,
)
