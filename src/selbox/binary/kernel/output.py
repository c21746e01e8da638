"""Pieces of a binary policy as bytes."""

from functools import cache
from struct import Struct

HOLE = "@"
"""First character of the names that are made up for numbers without a symbol; no name of a policy has it."""


@cache
def _numbers(count: int) -> Struct:
    return Struct(f"<{count}I")


def u32s(*values: int) -> bytes:
    """Return unsigned numbers of 32 bits in the file's order."""
    return _numbers(len(values)).pack(*values)


def encoded(name: str) -> bytes:
    """Return a name as bytes; bytes that were no UTF-8 when it was read are what they were."""
    return name.encode("utf-8", "surrogateescape")


def sized(name: str) -> bytes:
    """Return a name after its length."""
    content = encoded(name)
    return u32s(len(content)) + content


def is_hole(name: str) -> bool:
    """Tell whether a name was made up when the policy was read."""
    return name.startswith(HOLE)
