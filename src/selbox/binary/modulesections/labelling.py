"""Contexts of initial SIDs, ports, network interfaces, nodes, file systems and Infiniband in a base module.

Source: ``ocontext_read_selinux``, ``genfs_read``, ``context_read_and_validate`` of libsepol's ``policydb.c``.
"""

from collections.abc import Callable

from selbox.binary.modulesections import versions
from selbox.binary.modulesections.levels import read_range
from selbox.binary.modulesections.reader import ModuleReader
from selbox.binary.modulesections.values import (
    Context,
    ContextLevel,
    FilesystemContext,
    ObjectContext,
    SymbolTables,
)
from selbox.typing import Final

SIDS: Final = 0
FILESYSTEMS: Final = 1
PORTS: Final = 2
INTERFACES: Final = 3
NODES: Final = 4
FSUSES: Final = 5
NODES6: Final = 6
PARTITION_KEYS: Final = 7
END_PORTS: Final = 8

_SECTIONS = (
    "initial SIDs",
    "file systems",
    "ports",
    "network interfaces",
    "nodes",
    "fs_use",
    "IPv6 nodes",
    "Infiniband partition keys",
    "Infiniband ports",
)


def object_context_kinds(version: int, is_base: bool) -> int:
    """Return how many kinds of object contexts a module has."""
    if not is_base:
        return 0
    return END_PORTS + 1 if version >= versions.INFINIBAND else NODES6 + 1


def read_context(reader: ModuleReader, tables: SymbolTables) -> Context:
    """Read a security context.

    Raises:
        SelboxError: ``binary-truncated`` or ``binary-corrupt``.
    """
    start = reader.cursor.offset
    user, role, type_ = reader.cursor.u32s(3)
    low: ContextLevel | None = None
    high: ContextLevel | None = None
    if user not in tables.users.names or role not in tables.roles.names or type_ not in tables.types.names:
        reader.unknown("a context", start)
    if reader.is_base and reader.version >= versions.MLS:
        low, high = read_range(reader)
        for level in (low, high):
            if level.categories & ~tables.categories.known or (
                level.sensitivity and level.sensitivity not in tables.sensitivities.names
            ):
                reader.unknown("a context", start)
    return Context(user, role, type_, low, high)


_Key = tuple[str, tuple[int, ...], bytes]
"""Name, numbers and address of an ``ObjectContext``."""


def _sid(reader: ModuleReader) -> _Key:
    return "", reader.cursor.u32s(1), b""


def _named(reader: ModuleReader) -> _Key:
    return reader.name(reader.cursor.u32()), (), b""


def _port(reader: ModuleReader) -> _Key:
    return "", reader.cursor.u32s(3), b""


def _node(reader: ModuleReader) -> _Key:
    return "", (), reader.cursor.bytes(8)


def _fsuse(reader: ModuleReader) -> _Key:
    behaviour, size = reader.cursor.u32s(2)
    return reader.name(size), (behaviour,), b""


def _node6(reader: ModuleReader) -> _Key:
    return "", (), reader.cursor.bytes(32)


def _partition_key(reader: ModuleReader) -> _Key:
    prefix = reader.cursor.bytes(8)
    return "", reader.cursor.u32s(2), prefix


def _end_port(reader: ModuleReader) -> _Key:
    size, port = reader.cursor.u32s(2)
    return reader.name(size), (port,), b""


_READERS: tuple[Callable[[ModuleReader], _Key], ...] = (
    _sid,
    _named,
    _port,
    _named,
    _node,
    _fsuse,
    _node6,
    _partition_key,
    _end_port,
)


def read_object_contexts(reader: ModuleReader, tables: SymbolTables) -> tuple[tuple[ObjectContext, ...], ...]:
    """Read the object contexts of a base module: one tuple for each kind (``SIDS`` …), in the order of the file.

    Raises:
        SelboxError: ``binary-truncated`` or ``binary-corrupt``.
    """
    cursor = reader.cursor
    kinds = []
    for kind in range(object_context_kinds(reader.version, reader.is_base)):
        cursor.section = _SECTIONS[kind]
        contexts = []
        for _ in range(cursor.count(16)):
            key = _READERS[kind](reader)
            context = read_context(reader, tables)
            second = read_context(reader, tables) if kind in (FILESYSTEMS, INTERFACES) else None
            contexts.append(ObjectContext(*key, context, second))
        kinds.append(tuple(contexts))
    return tuple(kinds)


def read_filesystem_contexts(reader: ModuleReader, tables: SymbolTables) -> tuple[FilesystemContext, ...]:
    """Read the ``genfscon`` statements, sorted as libsepol sorts them: by file system, then longer paths first.

    Raises:
        SelboxError: ``binary-truncated`` or ``binary-corrupt``.
    """
    cursor = reader.cursor
    cursor.section = "genfscon"
    filesystems: dict[str, list[FilesystemContext]] = {}
    for _ in range(cursor.count(8)):
        start = cursor.offset
        filesystem = reader.name(cursor.u32())
        if filesystem in filesystems:
            cursor.corrupt(f"file system `{filesystem}` is there twice", start)
        contexts = filesystems[filesystem] = []
        for _ in range(cursor.count(20)):
            path = reader.text(cursor.u32())
            object_class = cursor.u32()
            if object_class and object_class not in tables.classes.names:
                reader.unknown(f"genfscon {filesystem} {path!r}")
            contexts.append(FilesystemContext(filesystem, path, object_class, read_context(reader, tables)))
        contexts.sort(key=lambda each: -len(each.path.encode("utf-8", "surrogateescape")))
    order = sorted(filesystems, key=lambda name: name.encode("utf-8", "surrogateescape"))
    return tuple(each for name in order for each in filesystems[name])
