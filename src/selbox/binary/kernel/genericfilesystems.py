"""Labels by file system and path prefix (``genfscon``)."""

from selbox.binary.cursor import Cursor, printable
from selbox.binary.kernel.contexts import Symbols, context_bytes, read_context
from selbox.binary.kernel.output import sized, u32s
from selbox.binary.kernel.tables import read_name
from selbox.diagnostics import SelboxError
from selbox.model.labelling import FILE_CLASSES, FileKind, GenericFilesystemContext
from selbox.model.policy import Policy


def read_genfs(cursor: Cursor, symbols: Symbols, class_ids: dict[str, int]) -> tuple[GenericFilesystemContext, ...]:
    """Read the labels of all file systems, in the order of the file."""
    cursor.section = "generic file systems"
    kinds = {class_ids[name] + 1: kind for kind, name in FILE_CLASSES.items() if name in class_ids}
    kinds[0] = FileKind.ANY
    result: list[GenericFilesystemContext] = []
    filesystems: set[str] = set()
    for _ in range(cursor.count(9)):
        filesystem = read_name(cursor, cursor.u32())
        if filesystem in filesystems:
            cursor.corrupt(f"file system `{filesystem}` stands twice")
        filesystems.add(filesystem)
        for _ in range(cursor.count(37)):
            path = read_name(cursor, cursor.u32())
            number = cursor.u32()
            kind = kinds.get(number)
            if kind is None:
                cursor.corrupt(f"class number {number} for `{path}` is no class of files", cursor.offset - 4)
            result.append(GenericFilesystemContext(filesystem, path, read_context(cursor, symbols), kind))
    return tuple(result)


def genfs_bytes(policy: Policy) -> bytes:
    """Return the labels, grouped by file system.

    Raises:
        SelboxError: ``binary-unwritable`` when the policy lacks the class of an entry's kind.
    """
    groups: dict[str, list[bytes]] = {}
    for each in policy.genfs_contexts:
        number = 0
        if each.kind is not FileKind.ANY:
            found = policy.class_ids.get(FILE_CLASSES[each.kind])
            if found is None:
                path, name = printable(each.path), FILE_CLASSES[each.kind]
                message = f"`genfscon` for `{path}` is for class `{name}`, which the policy lacks"
                raise SelboxError.of("binary-unwritable", message)
            number = found + 1
        entry = sized(each.path) + u32s(number) + context_bytes(each.context, policy.mls)
        groups.setdefault(each.filesystem, []).append(entry)
    parts = [b"".join((sized(filesystem), u32s(len(entries)), *entries)) for filesystem, entries in groups.items()]
    return u32s(len(groups)) + b"".join(parts)
