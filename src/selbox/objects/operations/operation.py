"""One operation that SELinux speaks of, and what a box does about it."""

from enum import Enum

from selbox.typing import Final, NamedTuple


class Support(Enum):
    """How far a box supports an operation."""

    ENFORCED = "enforced"
    LIMITED = "limited"
    RECORDED = "recorded"
    REFUSED = "refused"
    NOT_MEDIATED = "not mediated"


class Operation(NamedTuple):
    """One row.

    Attributes:
        name: what is done, in a few words.
        object_class: class that is asked about; several are separated by spaces.
        permissions: those that are asked for.
        label: whose label is the target's, or how a new object's label comes about.
        support: how far a box supports it.
        note: its limits, or why it is refused; empty when there is nothing to say.
        hook: the kernel's hook or function that it follows.
        calls: the system calls by which it is done.
    """

    name: str
    object_class: str
    permissions: tuple[str, ...]
    label: str
    support: Support
    note: str
    hook: str
    calls: tuple[str, ...]


FILE_CLASSES: Final = "file dir lnk_file chr_file blk_file fifo_file sock_file"
"""Classes of everything that has a name in a directory."""
