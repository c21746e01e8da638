"""Blocks of declarations, and the scopes of symbols.

Source: ``avrule_block_write``, ``avrule_decl_write``, ``scope_index_write``, ``scope_write`` of libsepol's ``write.c``.
"""

from collections.abc import Mapping, Sequence

from selbox.binary.ebitmap import ebitmap_bytes
from selbox.binary.kernel.output import sized, u32s
from selbox.binary.modulesections.values import Declaration, Scope, ScopeIndex, SymbolTables
from selbox.binary.modulewriting.parts import ModuleForm
from selbox.binary.modulewriting.rules import (
    conditionals_bytes,
    filename_transitions_bytes,
    range_transitions_bytes,
    role_allows_bytes,
    role_transitions_bytes,
    rules_bytes,
)
from selbox.binary.modulewriting.symbols import symbol_tables_bytes


def blocks_bytes(blocks: Sequence[Sequence[Declaration]], tables: SymbolTables, form: ModuleForm) -> bytes:
    """Return the blocks of a module, each with its declarations.

    Raises:
        SelboxError: ``binary-unwritable``.
    """
    pieces = [u32s(len(blocks))]
    for block in blocks:
        pieces.append(u32s(len(block)))
        pieces += [_declaration_bytes(each, tables, form) for each in block]
    return b"".join(pieces)


def _declaration_bytes(declaration: Declaration, tables: SymbolTables, form: ModuleForm) -> bytes:
    pieces = (
        u32s(declaration.number, declaration.enabled),
        conditionals_bytes(declaration.conditionals, tables, form),
        rules_bytes(declaration.rules, form),
        role_transitions_bytes(declaration.role_transitions, tables, form),
        role_allows_bytes(declaration.role_allows),
        filename_transitions_bytes(declaration.filename_transitions, form),
        range_transitions_bytes(declaration.range_transitions, form),
        _scope_index_bytes(declaration.required),
        _scope_index_bytes(declaration.declared),
        symbol_tables_bytes(declaration.symbols, form),
    )
    return b"".join(pieces)


def _scope_index_bytes(index: ScopeIndex) -> bytes:
    pieces = [ebitmap_bytes(each) for each in index.symbols]
    pieces.append(u32s(len(index.permissions)))
    pieces += [ebitmap_bytes(each) for each in index.permissions]
    return b"".join(pieces)


def scopes_bytes(scopes: Sequence[Mapping[str, Scope]]) -> bytes:
    """Return the scopes of the symbols: a table for each kind."""
    pieces = []
    for table in scopes:
        pieces.append(u32s(len(table)))
        for name, (scope, declarations) in table.items():
            pieces += (sized(name), u32s(scope, len(declarations), *declarations))
    return b"".join(pieces)
