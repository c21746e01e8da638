"""What the memory of a stopped task is mapped from, as ``/proc`` shows it."""

from collections.abc import Iterator

from selbox.enforce.caller import Caller
from selbox.enforce.credentials import own_capabilities
from selbox.typing import NamedTuple

_DELETED = " (deleted)"
_PRIVATE = ("/SYSV", "/dev/zero", "/anon_hugepage")
"""What the kernel calls files that it makes for memory itself; it asks nobody about their labels."""


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
    with own_capabilities(), open(f"/proc/{caller.tid}/maps", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            span, access, _offset, device, inode, *name = line.rstrip("\n").split(maxsplit=5)
            first, _, last = span.partition("-")
            low, high = int(first, 16), int(last, 16)
            if low >= end:
                return
            if high > start:
                yield Mapping(
                    low, high, access[2] == "x", access[3] == "s", device, int(inode), name[0] if name else ""
                )


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
