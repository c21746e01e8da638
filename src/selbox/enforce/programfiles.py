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
_LOADER: Final = 3
"""Type of the program header that names the loader (``PT_INTERP``)."""
_LONGEST_TABLE: Final = 1 << 16
_LONGEST_NAME: Final = 4096


class _Layout(NamedTuple):
    """Where an ELF file of a class has its program headers, how many, and what each says: type, offset and size."""

    table: struct.Struct
    entries: struct.Struct
    header: struct.Struct


_LAYOUTS: Final = {
    1: _Layout(struct.Struct("<28xI"), struct.Struct("<44xH"), struct.Struct("<II8xI12x")),
    2: _Layout(struct.Struct("<32xQ"), struct.Struct("<56xH"), struct.Struct("<I4xQ16xQ16x")),
}
"""Layouts by ``EI_CLASS``: of 32 and of 64 bits."""


class ProgramFile(NamedTuple):
    """What the kernel reads of a program.

    Attributes:
        head: the first bytes.
        loader: path of the dynamic loader that it names; empty where it names none.
    """

    head: bytes
    loader: bytes

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
            return ProgramFile(_ELF, b"")
        head = os.pread(opened, HEAD_SIZE, 0)
        return ProgramFile(head, _loader(opened, head) if head.startswith(_ELF) else b"")


def _loader(program: int, head: bytes) -> bytes:
    """Return the loader that an ELF file names, or nothing."""
    layout = _LAYOUTS.get(head[_CLASS] if len(head) == HEAD_SIZE else 0)
    if layout is None:
        return b""
    place, count, size = *layout.table.unpack_from(head), *layout.entries.unpack_from(head), layout.header.size
    if place >> 63:
        return b""
    table = os.pread(program, min(count * size, _LONGEST_TABLE), place)
    for kind, offset, length in layout.header.iter_unpack(table[: len(table) // size * size]):
        if kind == _LOADER and not offset >> 63:
            return os.pread(program, min(length, _LONGEST_NAME), offset).partition(b"\0")[0]
    return b""


def _version(status: os.stat_result) -> tuple[int, int, int, int, int]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
