"""What a real kernel answered under Debian's real policy, recorded: found, and read.

The records are large and not part of this project. They are looked for in the directory that
``SELBOX_KERNEL_ORACLE`` names, else in ``shared/kernel-oracle`` beside the checkout. Each table is a ``NAME.tsv.xz``: a
question's columns, then the answer's.
"""

import lzma
import os

_BESIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "shared", "kernel-oracle")
VARIABLE = "SELBOX_KERNEL_ORACLE"
POLICY = "policy.33"
"""The policy that the kernel had loaded: the enabled modules of Debian's ``selinux-policy-default``."""
QUESTIONS = {
    "access": 3,
    "context": 1,
    "create_permissive": 3,
    "create_enforcing": 3,
    "relabel_permissive": 3,
    "relabel_enforcing": 3,
    "member_permissive": 3,
    "member_enforcing": 3,
}
"""Tables of questions, and how many columns a question has; in ``create`` there may be one more, an object's name."""
LISTS = ("booleans", "classes", "initial_contexts", "policycaps")
"""Tables that are lists of what there is."""


def directory() -> str | None:
    """Return the directory of the records, None where there is none."""
    found = os.environ.get(VARIABLE) or _BESIDE
    return os.path.realpath(found) if os.path.exists(os.path.join(found, f"{POLICY}.xz")) else None


def read(name: str) -> bytes:
    """Return the content of a file of the records.

    Args:
        name: without ``.xz``.

    Raises:
        FileNotFoundError: when it is not there.
    """
    with lzma.open(os.path.join(directory() or _BESIDE, f"{name}.xz")) as stream:
        return stream.read()


def table(name: str) -> list[tuple[str, ...]]:
    """Return the rows of a table, split into columns."""
    return [tuple(line.split("\t")) for line in read(f"{name}.tsv").decode().splitlines()]


def answers(name: str) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return the rows of a table as question and answer.

    Args:
        name: one of :data:`QUESTIONS`.
    """
    columns = QUESTIONS[name]
    ends = (len(row) - 1 if name.startswith("create") else columns for row in table(name))
    return [(row[:end], row[end:]) for row, end in zip(table(name), ends, strict=True)]
