"""The operations that SELinux speaks of, and what a box does about each.

INVARIANT: every call that the filter notifies or refuses stands in ``calls`` of a row; a test compares the two.
"""

from selbox.objects.operations import (
    attributes,
    closed,
    files,
    identity,
    ipc,
    mappings,
    mounts,
    policystate,
    processes,
    sockets,
    tasks,
)
from selbox.objects.operations.operation import Operation, Support
from selbox.typing import Final

__all__ = ["OPERATIONS", "Operation", "Support"]

OPERATIONS: Final = (
    *files.ROWS,
    *attributes.ROWS,
    *mappings.ROWS,
    *mounts.ROWS,
    *processes.ROWS,
    *tasks.ROWS,
    *policystate.ROWS,
    *identity.ROWS,
    *sockets.ROWS,
    *ipc.ROWS,
    *closed.ROWS,
)
"""Every operation, grouped."""
