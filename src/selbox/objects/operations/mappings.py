"""Mapped and executable memory."""

from selbox.objects.operations.operation import Operation, Support
from selbox.typing import Final

_THREADS: Final = (
    "where several threads share descriptors and memory, another one can change what the number or the address stands "
    "for before the kernel maps"
)

ROWS: Final = (
    Operation(
        "map a file",
        "file chr_file blk_file process",
        ("map", "read", "write", "execute", "execmem"),
        "the file; the task itself, for a private mapping that is both written and run",
        Support.LIMITED,
        f"{_THREADS}. Where the policy grants map to whoever may read, only mappings that are run are asked about. The "
        "kernel's own mapping of a program and its loader is not",
        "selinux_mmap_file",
        ("mmap",),
    ),
    Operation(
        "make memory executable",
        "process file",
        ("execmem", "execstack", "execheap", "execmod", "read", "write", "execute"),
        "the task itself; the file",
        Support.LIMITED,
        f"anonymous memory that is mapped as executable is enforced; else, {_THREADS}. READ_IMPLIES_EXEC is refused "
        "(EPERM): with it, whatever is mapped to be read could be run, and nobody would be asked",
        "selinux_mmap_file, selinux_file_mprotect",
        ("mmap", "mprotect", "pkey_mprotect", "personality"),
    ),
    Operation(
        "map memory near address 0",
        "memprotect",
        ("mmap_zero",),
        "the task itself",
        Support.ENFORCED,
        "below 64 KiB, where a mapping is to be at that address and nowhere else",
        "selinux_mmap_addr",
        ("mmap", "mremap", "shmat"),
    ),
)
