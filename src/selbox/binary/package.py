"""Policy packages (``.pp``): a policy module with the files that belong to it.

A package is a header with the offsets of its sections, and the sections: the module, which begins as a module file
does, and texts, each behind a number that says which it is.

Source: ``module_package_read_offsets`` and ``sepol_module_package_read`` of libsepol's ``module.c``.
"""

from itertools import accumulate, pairwise

from selbox.binary.cursor import Cursor
from selbox.binary.formats import MODULE_MAGIC, PACKAGE_MAGIC
from selbox.binary.kernel.output import u32s
from selbox.binary.module import Module, read_module
from selbox.diagnostics import Diagnostics, SelboxError
from selbox.typing import NamedTuple

_MOST_SECTIONS = 100
_VERSION = 1
_TEXTS = {
    0xF97CFF90: "file_contexts",
    0x097CFF91: "seusers",
    0x097CFF92: "users_extra",
    0x097CFF93: "netfilter_contexts",
}


class PackageSections(NamedTuple):
    """The sections of a package, as they stand in it.

    Attributes:
        module: bytes of the module.
        module_offset: where they begin in the package.
        file_contexts: text of the file contexts; empty where there are none, as with the following.
        seusers: which Linux users are which SELinux users.
        users_extra: prefixes of users' home directories.
        netfilter_contexts: contexts of packets.
    """

    module: bytes
    module_offset: int
    file_contexts: bytes = b""
    seusers: bytes = b""
    users_extra: bytes = b""
    netfilter_contexts: bytes = b""


class Package(NamedTuple):
    """A package that has been read; its texts are those of ``PackageSections``.

    Bytes of texts that are no UTF-8 are kept as surrogates (``surrogateescape``).
    """

    module: Module
    file_contexts: str = ""
    seusers: str = ""
    users_extra: str = ""
    netfilter_contexts: str = ""


def split_package(data: bytes, name: str, diagnostics: Diagnostics | None = None) -> PackageSections:
    """Take a package apart without reading its module, as ``semodule_unpackage`` does.

    Args:
        data: the package.
        name: what messages call it.
        diagnostics: receives a warning for each section of an unknown kind.

    Raises:
        SelboxError: ``binary-truncated``, ``binary-corrupt``, ``binary-duplicate-section`` or ``binary-no-module``.
    """
    cursor = Cursor(data, name, "package header")
    if cursor.u32() != PACKAGE_MAGIC:
        cursor.corrupt("this is no policy package: those begin with 8f ff 7c f9", 0)
    cursor.u32()  # the version of the package format: there is one
    count = cursor.u32()
    if count > _MOST_SECTIONS:
        cursor.corrupt(f"a package has at most {_MOST_SECTIONS} sections, and not {count}", cursor.offset - 4)
    offsets = cursor.u32s(count)
    found: dict[str, bytes] = {}
    module_offset = 0
    for index, (start, end) in enumerate(pairwise((*offsets, len(data)))):
        if not start + 4 <= end <= len(data):
            cursor.corrupt(f"section {index} cannot reach from byte {start} to {end} of {len(data)}", 12 + 4 * index)
        magic = int.from_bytes(data[start : start + 4], "little")
        section = "module" if magic == MODULE_MAGIC else _TEXTS.get(magic)
        if section is None:
            if diagnostics is not None:
                diagnostics.warning(
                    "binary-unknown-section", f"{name}: section {index}, at byte {start}, is of unknown kind {magic:#x}"
                )
            continue
        if section in found:
            raise SelboxError.of("binary-duplicate-section", f"{name}: a second section `{section}` is at byte {start}")
        if section == "module":
            module_offset = start
            found[section] = data[start:end]
        else:
            found[section] = data[start + 4 : end]
    if "module" not in found:
        raise SelboxError.of("binary-no-module", f"{name}: the package holds no module")
    return PackageSections(found.pop("module"), module_offset, **found)


def join_package(sections: PackageSections) -> bytes:
    """Return a package of its sections, as ``semodule_package`` does; texts that are empty have no section.

    Source: ``sepol_module_package_write`` of libsepol's ``module.c``.
    """
    parts = [sections.module]
    for magic, section in _TEXTS.items():
        text: bytes = getattr(sections, section)
        if text:
            parts.append(magic.to_bytes(4, "little") + text)
    header = 12 + 4 * len(parts)
    offsets = accumulate((len(each) for each in parts[:-1]), initial=header)
    return b"".join((u32s(PACKAGE_MAGIC, _VERSION, len(parts), *offsets), *parts))


def read_package(data: bytes, name: str, diagnostics: Diagnostics | None = None) -> Package:
    """Read a package and its module.

    Args:
        data: the package.
        name: what messages call it.
        diagnostics: receives warnings, as of sections of an unknown kind.

    Raises:
        SelboxError: as ``split_package``, and ``binary-unknown-version``.
    """
    sections = split_package(data, name, diagnostics)
    module = read_module(sections.module, name, diagnostics, sections.module_offset)
    return Package(module, *(each.decode("utf-8", "surrogateescape") for each in sections[2:]))
