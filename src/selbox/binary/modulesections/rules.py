"""Rules of a module: access vector and type rules, conditionals, transitions of roles, ranges and file names.

Most of a module is access vector rules, and most of them are of few shapes: the bytes of a set or of a list of
permissions are looked up among those that have been read, before they are read.

Source: ``avrule_read``, ``role_trans_rule_read`` … of libsepol's ``policydb.c``, ``cond_read_node``.
"""

from selbox.binary.modulesections import versions
from selbox.binary.modulesections.levels import as_semantic, read_range
from selbox.binary.modulesections.reader import ModuleReader
from selbox.binary.modulesections.symbols import check_level
from selbox.binary.modulesections.values import (
    NOT_SELF,
    SELF,
    Conditional,
    ExtendedPermissions,
    FilenameTransition,
    RangeTransition,
    RoleAllow,
    RoleSet,
    RoleTransition,
    Rule,
    SymbolTables,
    TypeSet,
)

_ONE_WORD_SET = 40
"""Bytes of a set that is one bitmap of one word, as most are."""
_ONE_CLASS = 12
"""Bytes of a list of one class."""
_SMALLEST_RULE = 8 + 2 * 28 + 4

ACCESS_KINDS = 0x1 | 0x2 | 0x4 | 0x8 | 0x80
"""``allow``, ``auditallow``, ``auditdeny``, ``dontaudit``, ``neverallow``: ``AVRULE_AV`` of libsepol."""
TYPE_KINDS = 0x10 | 0x20 | 0x40
"""``type_transition``, ``type_member``, ``type_change``: ``AVRULE_TYPE`` of libsepol."""
EXTENDED_KINDS = 0x100 | 0x200 | 0x400 | 0x800
"""Rules of extended permissions: ``AVRULE_XPERMS`` of libsepol."""

_KINDS = frozenset(1 << bit for bit in range(12))
_known_heads: dict[bytes, tuple[int, int]] = {}
"""The first 8 bytes of rules that have been read: kind and flags."""


def read_rules(reader: ModuleReader, tables: SymbolTables) -> list[Rule]:
    """Read a list of access vector rules and type rules.

    Raises:
        SelboxError: ``binary-truncated`` or ``binary-corrupt``.
    """
    cursor = reader.cursor
    data, known = cursor.data, tables.types.known
    heads, sets, lists = _known_heads.get, reader.set_indices.get, reader.list_indices.get
    new = tuple.__new__  # what `Rule(...)` comes to, three times as quick
    rules: list[Rule] = []
    count = cursor.count(_SMALLEST_RULE)
    at = cursor.offset
    for _ in range(count):
        kind, flags = heads(data[at : at + 8]) or _head(reader, at)
        at += 8
        source = sets(data[at : at + _ONE_WORD_SET])
        if source is None:
            source, at = reader.type_set_at(at, known)
        else:
            at += _ONE_WORD_SET
        target = sets(data[at : at + _ONE_WORD_SET])
        if target is None:
            target, at = reader.type_set_at(at, known)
        else:
            at += _ONE_WORD_SET
        permissions = lists(data[at : at + _ONE_CLASS])
        if permissions is None:
            permissions, at = _permission_list_at(reader, tables, at)
        else:
            at += _ONE_CLASS
        extended = None
        if not kind & ACCESS_KINDS:
            extended, at = _no_access(reader, tables, kind, permissions, at)
        rules.append(new(Rule, (kind, flags, source, target, permissions, extended)))
    cursor.offset = at
    return rules


def _head(reader: ModuleReader, at: int) -> tuple[int, int]:
    """Read the kind and the flags of a rule."""
    cursor = reader.cursor
    cursor.offset = at
    kind, flags = cursor.u32s(2)
    if kind not in _KINDS or flags > SELF | NOT_SELF:
        cursor.corrupt(f"a rule of kind {kind:#x} with flags {flags:#x} is none that is known", at)
    _known_heads[cursor.data[at : at + 8]] = (kind, flags)
    return kind, flags


def _permission_list_at(reader: ModuleReader, tables: SymbolTables, at: int) -> tuple[int, int]:
    """Read classes, each with permissions (or the type that a type rule gives).

    Returns:
        The index in ``ModuleReader.permission_lists``, and where the list ends.
    """
    cursor = reader.cursor
    cursor.offset = at
    values = cursor.u32s(2 * cursor.count(8))
    key = cursor.data[at : cursor.offset]
    index = reader.list_indices.get(key)
    if index is None:
        classes = tables.classes.names
        for value in values[::2]:
            if value not in classes:
                reader.unknown("a rule", at)
        index = reader.list_indices[key] = len(reader.permission_lists)
        reader.permission_lists.append(tuple(zip(values[::2], values[1::2], strict=True)))
    return index, cursor.offset


def _no_access(
    reader: ModuleReader, tables: SymbolTables, kind: int, permissions: int, at: int
) -> tuple[ExtendedPermissions | None, int]:
    """Read the end of a rule of extended permissions, or check the types of a type rule.

    Returns:
        The extended permissions, and where the rule ends.
    """
    reader.cursor.offset = at
    if kind & EXTENDED_KINDS:
        extended = _extended(reader)
        return extended, reader.cursor.offset
    if permissions not in reader.type_lists:
        _check_types(reader, reader.permission_lists[permissions], tables)
        reader.type_lists.add(permissions)
    return None, at


def _check_types(reader: ModuleReader, permissions: tuple[tuple[int, int], ...], tables: SymbolTables) -> None:
    for _, value in permissions:
        if value not in tables.types.names:
            reader.unknown("a type rule")


def _extended(reader: ModuleReader) -> ExtendedPermissions:
    cursor = reader.cursor
    if reader.version < versions.EXTENDED_PERMISSIONS:
        cursor.corrupt(f"version {reader.version} of the module format has no extended permissions")
    specified, driver = cursor.u8(), cursor.u8()
    if not 1 <= specified <= 3:
        cursor.corrupt(f"extended permissions of kind {specified} are not known", cursor.offset - 2)
    return ExtendedPermissions(specified, driver, int.from_bytes(cursor.bytes(32), "little"))


def read_conditionals(reader: ModuleReader, tables: SymbolTables) -> list[Conditional]:
    """Read the conditionals of a declaration.

    Raises:
        SelboxError: ``binary-truncated`` or ``binary-corrupt``.
    """
    cursor = reader.cursor
    conditionals = []
    for _ in range(cursor.count(16)):
        cursor.u32()  # whether it was true when it was compiled
        start = cursor.offset
        values = cursor.u32s(2 * cursor.count(8))
        expression = tuple(zip(values[::2], values[1::2], strict=True))
        depth = 0
        for kind, boolean in expression:
            operands = 0 if kind == 1 else 1 if kind == 2 else 2
            if not 1 <= kind <= 7 or depth < operands:
                cursor.corrupt(f"a term of kind {kind} cannot stand here in a condition", start)
            if kind == 1 and boolean not in tables.booleans.names:
                reader.unknown("a condition", start)
            depth += 1 - operands
        if depth != 1:
            cursor.corrupt("a condition does not come to one result", start)
        when_true, when_false = read_rules(reader, tables), read_rules(reader, tables)
        tunable = reader.version >= versions.TUNABLES and bool(cursor.u32() & 1)
        conditionals.append(Conditional(expression, when_true, when_false, tunable))
    return conditionals


def _role_set(reader: ModuleReader, tables: SymbolTables) -> RoleSet:
    start = reader.cursor.offset
    roles = reader.role_set()
    if roles.roles & ~tables.roles.known:
        reader.unknown("a rule of roles", start)
    return roles


def skip_no_transitions(reader: ModuleReader) -> bool:
    """Skip the transitions and role rules of a declaration that has none, as most; tell whether it was so."""
    cursor = reader.cursor
    if reader.version < versions.FILENAME_TRANSITIONS or not cursor.data.startswith(bytes(16), cursor.offset):
        return False
    cursor.offset += 16
    return True


def read_role_transitions(reader: ModuleReader, tables: SymbolTables) -> list[RoleTransition]:
    """Read the role transitions of a declaration.

    Raises:
        SelboxError: ``binary-truncated`` or ``binary-corrupt``.
    """
    cursor = reader.cursor
    transitions = []
    for _ in range(cursor.count(48)):
        roles = _role_set(reader, tables)
        types = reader.type_set_index(tables.types.known)
        if reader.version >= versions.ROLE_TRANSITION_CLASSES:
            classes = _classes(reader, tables)
        else:
            process = tables.classes.symbols.get("process")
            if process is None:
                cursor.corrupt("a role transition is about class `process`, which the module does not define")
            classes = 1 << process.value - 1
        new_role = cursor.u32()
        if new_role not in tables.roles.names:
            reader.unknown("a role transition", cursor.offset - 4)
        transitions.append(RoleTransition(roles, types, classes, new_role))
    return transitions


def _classes(reader: ModuleReader, tables: SymbolTables) -> int:
    start = reader.cursor.offset
    classes = reader.bitmap()
    if classes & ~tables.classes.known:
        reader.unknown("a transition", start)
    return classes


def read_role_allows(reader: ModuleReader, tables: SymbolTables) -> list[RoleAllow]:
    """Read the role allow rules of a declaration.

    Raises:
        SelboxError: ``binary-truncated`` or ``binary-corrupt``.
    """
    return [RoleAllow(_role_set(reader, tables), _role_set(reader, tables)) for _ in range(reader.cursor.count(32))]


def read_filename_transitions(reader: ModuleReader, tables: SymbolTables) -> list[FilenameTransition]:
    """Read the type transitions by file name of a declaration.

    Raises:
        SelboxError: ``binary-truncated`` or ``binary-corrupt``.
    """
    if reader.version < versions.FILENAME_TRANSITIONS:
        return []
    cursor = reader.cursor
    known = tables.types.known
    transitions = []
    for _ in range(cursor.count(68)):
        name = reader.text(cursor.u32())
        source, target = reader.type_set_index(known), reader.type_set_index(known)
        object_class, new_type = cursor.u32s(2)
        if object_class not in tables.classes.names or new_type not in tables.types.names:
            reader.unknown(f"the transition of file name {name!r}", cursor.offset - 8)
        flags = cursor.u32() if reader.version >= versions.SELF_TRANSITIONS else 0
        transitions.append(FilenameTransition(name, source, target, object_class, new_type, flags))
    return transitions


def read_range_transitions(reader: ModuleReader, tables: SymbolTables) -> list[RangeTransition]:
    """Read the range transitions of a declaration.

    Raises:
        SelboxError: ``binary-truncated`` or ``binary-corrupt``.
    """
    if reader.version < versions.RANGE_TRANSITION_RULES:
        return []
    cursor = reader.cursor
    known = tables.types.known
    transitions = []
    for _ in range(cursor.count(84)):
        source, target = reader.type_set_index(known), reader.type_set_index(known)
        classes = _classes(reader, tables)
        low, high = reader.level(), reader.level()
        for level in (low, high):
            check_level(reader, level, tables)
        transitions.append(RangeTransition(source, target, classes, low, high))
    return transitions


def read_old_range_transitions(reader: ModuleReader, tables: SymbolTables) -> list[RangeTransition]:
    """Read the range transitions at the end of a base module of version 5: single types, and class ``process``.

    Raises:
        SelboxError: ``binary-truncated`` or ``binary-corrupt``.
    """
    cursor = reader.cursor
    transitions = []
    for _ in range(cursor.count(16)):
        source, target = cursor.u32s(2)
        process = tables.classes.symbols.get("process")
        if source not in tables.types.names or target not in tables.types.names or process is None:
            reader.unknown("a range transition", cursor.offset - 8)
        low, high = (as_semantic(each) for each in read_range(reader))
        for level in (low, high):
            check_level(reader, level, tables)
        indices = [len(reader.type_sets), len(reader.type_sets) + 1]
        reader.type_sets += (TypeSet(1 << source - 1, 0, 0), TypeSet(1 << target - 1, 0, 0))
        transitions.append(RangeTransition(indices[0], indices[1], 1 << process.value - 1, low, high))
    return transitions
