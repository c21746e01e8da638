"""Contexts of initial SIDs, ports, network interfaces, nodes, file systems and Infiniband in a base module.

Source: ``ocontext_write_selinux``, ``genfs_write``, ``context_write`` of libsepol's ``write.c``.
"""

from collections.abc import Callable, Sequence
from itertools import groupby

from selbox.binary.kernel.output import encoded, sized, u32s
from selbox.binary.modulesections import versions
from selbox.binary.modulesections.labelling import object_context_kinds
from selbox.binary.modulesections.values import Context, ContextLevel, FilesystemContext, ObjectContext
from selbox.binary.modulewriting.parts import ModuleForm, range_bytes

_NO_LEVEL = ContextLevel(0, 0)


def object_contexts_bytes(kinds: Sequence[Sequence[ObjectContext]], form: ModuleForm) -> bytes:
    """Return the object contexts of a module, kind by kind.

    Raises:
        SelboxError: ``binary-unwritable``.
    """
    number = object_context_kinds(form.version, form.is_base)
    if any(kinds[number:]):
        form.need(versions.INFINIBAND, "contexts of Infiniband")
    pieces = []
    for kind in range(number):
        contexts = kinds[kind] if kind < len(kinds) else ()
        pieces.append(u32s(len(contexts)))
        for each in contexts:
            pieces += (_WRITERS[kind](each), _context_bytes(each.context, form))
            if each.second is not None:
                pieces.append(_context_bytes(each.second, form))
    return b"".join(pieces)


def filesystem_contexts_bytes(contexts: Sequence[FilesystemContext], form: ModuleForm) -> bytes:
    """Return the ``genfscon`` statements, by file system.

    Args:
        contexts: those of one file system side by side.
        form: how the module is written.
    """
    filesystems = [(name, list(found)) for name, found in groupby(contexts, lambda each: each.filesystem)]
    pieces = [u32s(len(filesystems))]
    for name, found in filesystems:
        pieces += (sized(name), u32s(len(found)))
        for each in found:
            pieces += (sized(each.path), u32s(each.object_class), _context_bytes(each.context, form))
    return b"".join(pieces)


def _context_bytes(context: Context, form: ModuleForm) -> bytes:
    content = u32s(context.user, context.role, context.type)
    if form.version >= versions.MLS:
        low, high = context.low or _NO_LEVEL, context.high or _NO_LEVEL
        return content + range_bytes(low, high)
    if context.low is not None and context.low.sensitivity:
        form.need(versions.MLS, "levels of contexts")
    return content


def _named(labelled: ObjectContext) -> bytes:
    return sized(labelled.name)


def _numbered(labelled: ObjectContext) -> bytes:
    return u32s(*labelled.numbers)


def _address(labelled: ObjectContext) -> bytes:
    return labelled.address


def _fsuse(labelled: ObjectContext) -> bytes:
    return u32s(*labelled.numbers) + sized(labelled.name)


def _partition_key(labelled: ObjectContext) -> bytes:
    return labelled.address + u32s(*labelled.numbers)


def _end_port(labelled: ObjectContext) -> bytes:
    name = encoded(labelled.name)
    return u32s(len(name), *labelled.numbers) + name


_WRITERS: tuple[Callable[[ObjectContext], bytes], ...] = (
    _numbered,
    _named,
    _numbered,
    _named,
    _address,
    _fsuse,
    _address,
    _partition_key,
    _end_port,
)
