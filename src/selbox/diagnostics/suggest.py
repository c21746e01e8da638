"""Guesses at what a misspelt name was meant to be."""

from collections.abc import Iterable
from typing import Final

_MANY: Final = 5000
"""Names of which only those are looked at that begin alike."""

_LONGEST: Final = 1000
"""Characters of a name; no longer one is a misspelt word."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean `NAME`?`` for the nearest known name, or an empty string.

    Args:
        name: the name that is not known.
        known: the names that are.
    """
    if len(name) > _LONGEST:
        return ""
    from difflib import get_close_matches  # only errors pay for this import

    candidates = list(known)
    if len(candidates) > _MANY:
        candidates = [each for each in candidates if each[:1] == name[:1]]
    nearest = get_close_matches(name, candidates, n=1, cutoff=0.7)
    return f"did you mean `{nearest[0]}`?" if nearest else ""
