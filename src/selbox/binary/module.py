"""Policy modules, as ``checkmodule`` writes them: versions 4 to 24, base modules and others, with levels or without.

A module is what a policy package (``selbox.binary.package``) holds. It is read whole, and everything in it is
checked: whoever has a ``Module`` may follow its numbers.

Source: ``policydb_read`` of libsepol's ``policydb.c``.
"""

from collections.abc import Sequence

from selbox.binary.cursor import Cursor
from selbox.binary.formats import MODULE_MAGIC
from selbox.binary.modulesections import versions
from selbox.binary.modulesections.declarations import read_blocks, read_scopes
from selbox.binary.modulesections.labelling import (
    object_context_kinds,
    read_filesystem_contexts,
    read_object_contexts,
)
from selbox.binary.modulesections.reader import ModuleReader
from selbox.binary.modulesections.rules import read_old_range_transitions
from selbox.binary.modulesections.symbols import read_symbol_tables
from selbox.binary.modulesections.values import (
    KINDS,
    Declaration,
    FilesystemContext,
    ObjectContext,
    Scope,
    SymbolTables,
    TypeSet,
)
from selbox.diagnostics import Diagnostics, SelboxError
from selbox.typing import Final, NamedTuple

OLDEST_VERSION: Final = versions.OLDEST
NEWEST_VERSION: Final = versions.NEWEST

IDENTIFIER: Final = b"SE Linux Module"
"""What a module calls itself, after its magic number."""

BASE: Final = 1
MODULE: Final = 2
"""Kinds of modules: base modules and others."""

MLS: Final = 1
"""Bit of a module's configuration: it has levels."""

_DENY, _REJECT, _ALLOW = 0, 2, 4


class Module(NamedTuple):
    """A policy module.

    Attributes:
        name: its name; empty for a base module, which has none.
        version: the version that its author gave it; likewise.
        format_version: version of the format, 4 to 24.
        is_base: whether it is a base module, which others build upon.
        mls: whether it has levels.
        handle_unknown: 0 deny, 2 reject, 4 allow; meaningful in base modules.
        policy_capabilities: set of the numbers of policy capabilities.
        tables: all symbols.
        scopes: for each kind of symbols (``values.KINDS``), name to where it is declared or required.
        blocks: the declarations of each block. The first block is the module's own, each other one an ``optional``,
            nested ones after those that hold them; a second declaration is the ``else`` branch.
        object_contexts: for each kind (``labelling.SIDS`` …) the contexts of a base module, in the order of the file.
        filesystem_contexts: ``genfscon``, sorted.
        type_sets: the sets of types that rules refer to.
        permission_lists: lists of a class's value and a set of permissions (bit: value less one), or the value of the
            type that a type rule gives, that rules refer to.
    """

    name: str
    version: str
    format_version: int
    is_base: bool
    mls: bool
    handle_unknown: int
    policy_capabilities: int
    tables: SymbolTables
    scopes: tuple[dict[str, Scope], ...]
    blocks: Sequence[tuple[Declaration, ...]]
    object_contexts: tuple[tuple[ObjectContext, ...], ...]
    filesystem_contexts: tuple[FilesystemContext, ...]
    type_sets: Sequence[TypeSet]
    permission_lists: Sequence[tuple[tuple[int, int], ...]]


def read_module(data: bytes, name: str, diagnostics: Diagnostics | None = None, base: int = 0) -> Module:
    """Read a policy module.

    Args:
        data: the module.
        name: what messages call the file.
        diagnostics: receives a warning when bytes follow the module.
        base: where the module begins in the file, for the offsets in messages.

    Raises:
        SelboxError: ``binary-truncated``, ``binary-corrupt`` or ``binary-unknown-version``.
    """
    cursor = Cursor(data, name, "header", base)
    if cursor.u32() != MODULE_MAGIC:
        cursor.corrupt("this is no policy module: those begin with 8d ff 7c f9", 0)
    size = cursor.u32()
    if size != len(IDENTIFIER) or cursor.bytes(size) != IDENTIFIER:
        cursor.corrupt(f"a policy module calls itself `{IDENTIFIER.decode()}` here", 4)
    kind, version, config, symbol_kinds, context_kinds = cursor.u32s(5)
    if kind not in (BASE, MODULE):
        cursor.corrupt(f"a module of kind {kind} is neither a base module (1) nor another (2)", cursor.offset - 20)
    if not OLDEST_VERSION <= version <= NEWEST_VERSION:
        raise SelboxError.of(
            "binary-unknown-version",
            f"{name}: the module has version {version}, and versions {OLDEST_VERSION} to {NEWEST_VERSION} are known",
            help=f"compile it again with `checkmodule -c {NEWEST_VERSION}` or less",
        )
    reader = ModuleReader(cursor, version, kind == BASE)
    expected = (len(KINDS), object_context_kinds(version, reader.is_base))
    if (symbol_kinds, context_kinds) != expected:
        cursor.corrupt(
            f"{symbol_kinds} symbol tables and {context_kinds} tables of contexts; version {version} has "
            f"{expected[0]} and {expected[1]}",
            cursor.offset - 8,
        )
    unknown = config & (_REJECT | _ALLOW)
    if unknown == _REJECT | _ALLOW:
        cursor.corrupt("unknown classes cannot be both rejected and allowed", cursor.offset - 12)
    module_name = module_version = ""
    if not reader.is_base:
        module_name = reader.name(cursor.u32())
        module_version = reader.text(cursor.u32())
    capabilities = reader.bitmap() if version >= versions.POLICY_CAPABILITIES else 0
    tables = read_symbol_tables(reader)
    blocks = read_blocks(reader, tables)
    scopes = read_scopes(reader, tables)
    object_contexts = read_object_contexts(reader, tables)
    filesystem_contexts = read_filesystem_contexts(reader, tables)
    if reader.is_base and versions.MLS <= version < versions.RANGE_TRANSITION_RULES:
        cursor.section = "range transitions"
        first = blocks[0][0]._replace(range_transitions=read_old_range_transitions(reader, tables))
        blocks[0] = (first, *blocks[0][1:])
    if cursor.left and diagnostics is not None:
        diagnostics.warning(
            "binary-trailing-bytes", f"{name}: {cursor.left} bytes after the module's end mean nothing and are ignored"
        )
    return Module(
        module_name,
        module_version,
        version,
        reader.is_base,
        bool(config & MLS),
        unknown,
        capabilities,
        tables,
        scopes,
        blocks,
        object_contexts,
        filesystem_contexts,
        reader.type_sets,
        reader.permission_lists,
    )
