"""What the memory of a stopped task is mapped from, as ``/proc`` shows it."""

import errno
import os
from collections.abc import Iterator

from selbox.enforce.caller import Caller
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.linux import O_PATH
from selbox.typing import Final, NamedTuple

_DELETED = " (deleted)"
_PRIVATE = ("/SYSV", "/dev/zero", "/anon_hugepage")
"""What the kernel calls files that it makes for memory itself; it asks nobody about their labels."""
_FROM_NO_FILE: Final = b"00:00 0 "
_WRITTEN_AND_RUN: Final = b"wx"
_CHUNK: Final = 4096


class Mapping(NamedTuple):
    """A range of memory with one origin (kernel: ``struct vm_area_struct``).

    Attributes:
        start: first address; end: the one after the last.
        is_executable: whether it may be run already.
        is_shared: whether what is written reaches others.
        device: device number as the kernel writes it; inode: number, 0 for memory that is from no file.
        name: path, or what the kernel calls it, such as ``[heap]``.
    """

    start: int
    end: int
    is_executable: bool
    is_shared: bool
    device: str
    inode: int
    name: str

    @property
    def is_file(self) -> bool:
        """Whether it is mapped from a file that has a label."""
        return self.inode != 0 and not (self.name.startswith(_PRIVATE) and self.name.endswith(_DELETED))


def mappings_within(caller: Caller, start: int, end: int) -> Iterator[Mapping]:
    """Iterate over what is mapped in a range of a task's memory."""
    with own_capabilities(), open(f"/proc/{caller.tid}/maps", "rb") as lines:
        for line in lines:
            mapping = mapping_of(line)
            if mapping.start >= end:
                return
            if mapping.end > start:
                yield mapping


def mapping_of(line: bytes) -> Mapping:
    """Return what a line of ``/proc/PID/maps`` tells."""
    span, access, _offset, device, inode, *name = line.rstrip(b"\n").split(maxsplit=5)
    first, _, last = span.partition(b"-")
    return Mapping(
        int(first, 16),
        int(last, 16),
        access[2:3] == b"x",
        access[3:4] == b"s",
        device.decode(),
        int(inode),
        os.fsdecode(name[0]) if name else "",
    )


class NewMemory(NamedTuple):
    """What a new program's memory is from.

    Attributes:
        files: by device and inode number, each with a line of ``/proc/PID/maps`` that tells it.
        written_and_run: those of them of which some memory may be written and run.
    """

    files: dict[tuple[int, int], bytes]
    written_and_run: frozenset[tuple[int, int]]


def new_memory(pid: int, *likely: tuple[int, int]) -> NewMemory:
    """Return what a new program's memory is from: its own file, and that of its dynamic loader.

    Many programs start, and each has a dozen lines: it takes few steps for who finds what is likely.

    Args:
        pid: the program.
        likely: files that it is probably from.

    Raises:
        OSError: when it is gone, or a file cannot be found.
    """
    content = _content(pid)
    lines = {line.split(b" ", 3)[3]: line for line in content.split(b"\n")[:-1]}
    shown = [(b"%02x:%02x %d " % (os.major(each[0]), os.minor(each[0]), each[1]), each) for each in likely]
    found = {}
    for origin, line in lines.items():
        if origin.startswith(_FROM_NO_FILE):
            continue
        for words, identity in shown:
            if origin.startswith(words):
                found[identity] = line
                break
        else:
            found[_identity_of_origin(pid, line)] = line
    if _WRITTEN_AND_RUN not in content:
        return NewMemory(found, frozenset())
    all_fields = (line.split(b" ", 3) for line in content.split(b"\n")[:-1])
    origins = {origin for _, access, _, origin in all_fields if access[1:3] == _WRITTEN_AND_RUN}
    return NewMemory(found, frozenset(each for each, line in found.items() if line.split(b" ", 3)[3] in origins))


def _content(pid: int) -> bytes:
    content = b""
    with own_capabilities():
        descriptor = os.open(f"/proc/{pid}/maps", os.O_RDONLY | os.O_CLOEXEC)
        try:
            while part := os.read(descriptor, _CHUNK):
                content += part
        finally:
            os.close(descriptor)
    return content


def _identity_of_origin(pid: int, line: bytes) -> tuple[int, int]:
    """Return device and inode number of a file that is not told by them: overlays and btrfs have two for each."""
    descriptor = open_origin(pid, mapping_of(line))
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    return status.st_dev, status.st_ino


def open_origin(pid: int, mapping: Mapping) -> int:
    """Return an ``O_PATH`` descriptor of the file that memory is mapped from.

    Raises:
        OSError: EACCES when it cannot be found.
    """
    with own_capabilities():
        try:
            return os.open(f"/proc/{pid}/map_files/{mapping.start:x}-{mapping.end:x}", O_PATH | os.O_CLOEXEC)
        except OSError:  # it takes a capability outside all user namespaces
            pass
        for place in (mapping.name, f"/proc/{pid}/root{mapping.name}"):
            try:
                descriptor = os.open(place, O_PATH | os.O_CLOEXEC)
            except OSError:
                continue
            if os.fstat(descriptor).st_ino == mapping.inode:
                return descriptor
            os.close(descriptor)
    raise OSError(errno.EACCES, os.strerror(errno.EACCES))


def is_modified(caller: Caller, mapping: Mapping) -> bool:
    """Tell whether a private mapping of a file has pages that are the task's own (kernel: ``vma->anon_vma``)."""
    head = f"{mapping.start:x}-{mapping.end:x} ".encode()
    inside = False
    with own_capabilities(), open(f"/proc/{caller.tid}/smaps", "rb") as lines:
        for line in lines:
            if inside:
                if line.startswith((b"Anonymous:", b"Swap:")) and int(line.split()[1]):
                    return True
                if line.startswith(b"VmFlags:"):
                    return False
            else:
                inside = line.lstrip(b"0").startswith(head)
    return False


def stack_pointer(caller: Caller) -> int:
    """Return the stack pointer of a task that is stopped in a call; 0 when it cannot be told."""
    try:
        with own_capabilities(), open(f"/proc/{caller.tid}/syscall", "rb") as line:
            return int(line.read().split()[-2], 16)
    except (OSError, ValueError, IndexError):
        return 0
