"""The verbs that there are, known without importing any of them, so that no verb pays for another's imports."""

from typing import NamedTuple


class Entry(NamedTuple):
    """One verb.

    Attributes:
        summary: one line without a final full stop; the NAME section of its manual and the overview show it.
        takes_command: whether ``-- COMMAND…`` ends its arguments. Standard output then belongs to the command, and
            the verb's own result goes to standard error.
    """

    summary: str
    takes_command: bool = False


# INVARIANT: a verb NAME is the module selbox.cli.verbs.NAME, with "-" written "_".
VERBS: dict[str, Entry] = {
    "run": Entry("run programs in a box, under a policy", takes_command=True),
    "check": Entry("compile a policy and say what it holds"),
    "coverage": Entry("list the operations that a box mediates, and how"),
}
"""Verb name to entry, in the order of the overview."""
