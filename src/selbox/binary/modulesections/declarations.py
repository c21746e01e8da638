"""Blocks of declarations, and the scopes of symbols.

A module is a block that always holds and one block for each ``optional``; a block has a declaration and perhaps one
for ``else``.

Source: ``avrule_block_read``, ``avrule_decl_read``, ``scope_index_read``, ``scope_read`` of libsepol's ``policydb.c``.
"""

from collections import deque
from collections.abc import Sequence
from struct import Struct, error

from selbox.binary.modulesections.reader import ModuleReader
from selbox.binary.modulesections.rules import (
    read_conditionals,
    read_filename_transitions,
    read_range_transitions,
    read_role_allows,
    read_role_transitions,
    read_rules,
    skip_no_transitions,
)
from selbox.binary.modulesections.symbols import read_additions
from selbox.binary.modulesections.values import (
    CATEGORIES,
    DECLARED,
    KINDS,
    REQUIRED,
    Declaration,
    FilenameTransition,
    RangeTransition,
    RoleAllow,
    RoleTransition,
    Scope,
    ScopeIndex,
    SymbolTables,
)

_SIZE = Struct("<I")
_ENTRY = Struct("<III")
_NOTHING = (b"\x40" + bytes(11)) * len(KINDS) + bytes(4)
_EMPTY_INDEX = ScopeIndex((0,) * len(KINDS), ())


_Others = tuple[Sequence[RoleTransition], Sequence[RoleAllow], Sequence[FilenameTransition], Sequence[RangeTransition]]
_NO_OTHERS: _Others = ((), (), (), ())


def read_blocks(reader: ModuleReader, tables: SymbolTables) -> list[tuple[Declaration, ...]]:
    """Read the blocks of a module, each with its declarations.

    Raises:
        SelboxError: ``binary-truncated`` or ``binary-corrupt``, among it a module without any block.
    """
    cursor = reader.cursor
    cursor.section = "blocks"
    seen = _Permissions()
    blocks = [
        tuple([_declaration(reader, tables, seen) for _ in range(cursor.count(200))]) for _ in range(cursor.count(4))
    ]
    if not blocks or not blocks[0]:
        cursor.corrupt("a module has at least one block")
    return blocks


class _Permissions:
    """The permissions that the last declarations require, with their bytes: most require what another one does."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last: deque[tuple[bytes, tuple[int, ...]]] = deque(maxlen=8)


def _declaration(reader: ModuleReader, tables: SymbolTables, seen: _Permissions) -> Declaration:
    cursor = reader.cursor
    number, enabled = cursor.u32s(2)
    conditionals, rules = read_conditionals(reader, tables), read_rules(reader, tables)
    if skip_no_transitions(reader):
        others: _Others = _NO_OTHERS
    else:
        others = (
            read_role_transitions(reader, tables),
            read_role_allows(reader, tables),
            read_filename_transitions(reader, tables),
            read_range_transitions(reader, tables),
        )
    required, declared = _scope_index(reader, tables, seen), _scope_index(reader, tables, seen)
    additions = read_additions(reader, tables)
    return Declaration(number, bool(enabled), conditionals, rules, *others, required, declared, additions)


def _scope_index(reader: ModuleReader, tables: SymbolTables, seen: _Permissions) -> ScopeIndex:
    cursor = reader.cursor
    if cursor.data.startswith(_NOTHING, cursor.offset):
        cursor.offset += len(_NOTHING)
        return _EMPTY_INDEX
    start = cursor.offset
    symbols = tuple([reader.bitmap() for _ in KINDS])
    for kind, bits in enumerate(symbols):
        if bits & ~tables[kind].known:
            reader.unknown(f"what a declaration requires or declares ({KINDS[kind]})", start)
    start = cursor.offset
    for known_bytes, permissions in seen.last:
        if cursor.data.startswith(known_bytes, start):
            cursor.offset += len(known_bytes)
            return ScopeIndex(symbols, permissions)
    permissions = reader.bitmaps(cursor.count(12))
    seen.last.appendleft((cursor.data[start : cursor.offset], permissions))
    return ScopeIndex(symbols, permissions)


_shared_scopes: dict[int, tuple[bytes, dict[str, Scope]]] = {}
"""The last scopes of categories that were read, with their bytes; the same in all modules of a policy."""


def read_scopes(reader: ModuleReader, tables: SymbolTables) -> tuple[dict[str, Scope], ...]:
    """Read the scopes of the symbols: one dictionary for each kind, by name.

    Raises:
        SelboxError: ``binary-truncated`` or ``binary-corrupt``.
    """
    cursor = reader.cursor
    scopes = []
    for kind, plural in enumerate(KINDS):
        cursor.section = f"scopes of {plural}"
        start = cursor.offset
        shared = _shared_scopes.get(kind)
        if shared and cursor.data.startswith(shared[0], start):
            cursor.offset += len(shared[0])
            found = shared[1]
        else:
            found = _scopes(reader)
            if kind == CATEGORIES:
                _shared_scopes[kind] = (cursor.data[start : cursor.offset], found)
        if not found.keys() <= tables[kind].symbols.keys():
            reader.unknown("a scope", start)
        scopes.append(found)
    return tuple(scopes)


def _scopes(reader: ModuleReader) -> dict[str, Scope]:
    cursor = reader.cursor
    data, size_at, three = cursor.data, _SIZE.unpack_from, _ENTRY.unpack_from
    single: dict[tuple[int, int], Scope] = {}
    scopes = {}
    for _ in range(cursor.count(17)):
        offset = cursor.offset
        try:
            (size,) = size_at(data, offset)
            end = offset + 4 + size
            scope, count, first = three(data, end)
        except error:
            cursor.truncated(17)
        name = data[offset + 4 : end].decode("utf-8", "surrogateescape")
        if scope not in (REQUIRED, DECLARED) or not count:
            cursor.corrupt(f"{name!r} has scope {scope} in {count} declarations", end)
        if count == 1:
            cursor.offset = end + 12
            found = single.get((scope, first))
            if found is None:
                found = single[scope, first] = Scope(scope, (first,))
        else:
            cursor.offset = end + 8
            found = Scope(scope, cursor.u32s(count))
        scopes[name] = found
    return scopes
