"""What the kernel reads of a program's file to tell its kind: the interpreter of a script, the loader of a program.

It is read once for each version of a file. Should a change be missed, other files are mapped than were decided about,
and the task is killed.

Source: the kernel's ``load_script`` and ``load_elf_binary``.
"""

import os
import struct

from selbox.enforce.credentials import own_capabilities
from selbox.enforce.descriptors import Descriptors
from selbox.enforce.scripts import HEAD_SIZE
from selbox.typing import Final, NamedTuple

_ELF: Final = b"\x7fELF"
_CLASS: Final = 4
_REMEMBERED: Final = 1024
_LOADED, _LOADER = 1, 3
"""Types of the program headers of what is mapped (``PT_LOAD``) and of the loader's name (``PT_INTERP``)."""
_WRITTEN_AND_RUN: Final = 3
"""Flags of memory that is both."""
_LONGEST_TABLE: Final = 1 << 16
_LONGEST_NAME: Final = 4096


class _Layout(NamedTuple):
    """Where an ELF file of a class has its program headers, how many, and what each says: type, offset, size; flags."""

    table: struct.Struct
    entries: struct.Struct
    header: struct.Struct
    flags_at: int


_LAYOUTS: Final = {
    1: _Layout(struct.Struct("<28xI"), struct.Struct("<44xH"), struct.Struct("<II8xI12x"), 24),
    2: _Layout(struct.Struct("<32xQ"), struct.Struct("<56xH"), struct.Struct("<I4xQ16xQ16x"), 4),
}
"""Layouts by ``EI_CLASS``: of 32 and of 64 bits."""


class ProgramFile(NamedTuple):
    """What the kernel reads of a program.

    Attributes:
        head: the first bytes.
        loader: path of the dynamic loader that it names; empty where it names none.
        has_writable_code: whether it asks for memory that is both written and run.
    """

    head: bytes
    loader: bytes = b""
    has_writable_code: bool = False

    @property
    def is_mapped(self) -> bool:
        """Whether it is mapped itself, and not its interpreter."""
        return self.head.startswith(_ELF)


class ProgramFiles:
    """Those that were read.

    Args:
        descriptors: take what is opened.
    """

    def __init__(self, descriptors: Descriptors) -> None:
        self._descriptors = descriptors
        self._known: dict[tuple[int, int, int, int, int], ProgramFile] = {}

    def known(self, status: os.stat_result) -> ProgramFile | None:
        """Return what was read of a file with this status; None where that was not."""
        return self._known.get(_version(status))

    def read(self, descriptor: int, status: os.stat_result) -> ProgramFile:
        """Return what the kernel reads of a file.

        Args:
            descriptor: of the file, ``O_PATH``.
            status: the file's.
        """
        version = _version(status)
        program = self._known.get(version)
        if program is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            program = self._known[version] = self._read(descriptor)
        return program

    def _read(self, descriptor: int) -> ProgramFile:
        try:
            # Who has a lease on it is not waited for: EAGAIN.
            with own_capabilities():
                opened = self._descriptors.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_NONBLOCK)
        except PermissionError:
            # A program that may be run and not read: it is no script, since nobody could interpret it.
            return ProgramFile(_ELF)
        head = os.pread(opened, HEAD_SIZE, 0)
        return ProgramFile(head, *_headers(opened, head)) if head.startswith(_ELF) else ProgramFile(head)


def _headers(program: int, head: bytes) -> tuple[bytes, bool]:
    """Return the loader that an ELF file names, or nothing, and whether it asks for memory that is written and run."""
    layout = _LAYOUTS.get(head[_CLASS] if len(head) == HEAD_SIZE else 0)
    if layout is None:
        return b"", False
    place, count, size = *layout.table.unpack_from(head), *layout.entries.unpack_from(head), layout.header.size
    table = b"" if place >> 63 else os.pread(program, min(count * size, _LONGEST_TABLE), place)
    loader, has_writable_code = b"", False
    for at in range(0, len(table) // size * size, size):
        kind, offset, length = layout.header.unpack_from(table, at)
        if kind == _LOADER and not loader and not offset >> 63:
            loader = os.pread(program, min(length, _LONGEST_NAME), offset).partition(b"\0")[0]
        elif kind == _LOADED and table[at + layout.flags_at] & _WRITTEN_AND_RUN == _WRITTEN_AND_RUN:
            has_writable_code = True
    return loader, has_writable_code


def _version(status: os.stat_result) -> tuple[int, int, int, int, int]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
