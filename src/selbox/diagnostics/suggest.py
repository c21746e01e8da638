"""Guesses at what a misspelt name was meant to be."""

from collections.abc import Iterable

from selbox.typing import Final

_MANY: Final = 5000
"""Names of which only those are looked at that begin alike."""

_LONGEST: Final = 1000
"""Characters of a name; no longer one is a misspelt word."""

_MOST_COMPARED: Final = 8
"""Names like the whole one of which the stems are compared."""

_LIKE: Final = 0.7
"""How alike two names, and their stems, are at least."""

_SHORTEST: Final = 3
_SHORT: Final = 4
"""Letters of the shortest stem in which a slip leaves something to tell it by, and of the longest where one is all."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean `NAME`?`` for the nearest known name, or an empty string.

    Names are alike by their stems: ``foo_t`` is not like ``root_t`` for the ``_t`` that both end in.

    Args:
        name: the name that is not known.
        known: the names that are.
    """
    if len(name) > _LONGEST:
        return ""
    from difflib import SequenceMatcher, get_close_matches  # only errors pay for this import

    candidates = list(known)
    if len(candidates) > _MANY:
        candidates = [each for each in candidates if each[:1] == name[:1]]
    for nearest in get_close_matches(name, candidates, n=_MOST_COMPARED, cutoff=_LIKE):
        own, other = _stems(name, nearest)
        if max(len(own), len(other)) <= _SHORT:
            is_like = _is_one_slip(own, other)
        else:
            is_like = SequenceMatcher(None, own, other).ratio() >= _LIKE
        if is_like:
            return f"did you mean `{nearest}`?"
    return ""


def _stems(first: str, second: str) -> tuple[str, str]:
    """Return two names without the dashes before them and the last parts, from an underscore on, that are the same."""
    parts, others = first.lstrip("-").split("_"), second.lstrip("-").split("_")
    while len(parts) > 1 and len(others) > 1 and parts[-1] == others[-1]:
        parts.pop()
        others.pop()
    return "_".join(parts), "_".join(others)


def _is_one_slip(first: str, second: str) -> bool:
    """Tell whether a letter more, less or other, or two exchanged, make one word of the other."""
    longer, shorter = (first, second) if len(first) >= len(second) else (second, first)
    if len(longer) < _SHORTEST:
        return False
    same = 0  # letters that both begin with
    while same < len(shorter) and longer[same] == shorter[same]:
        same += 1
    rest, other = longer[same:], shorter[same:]
    if len(longer) > len(shorter):
        return rest[1:] == other
    return rest[1:] == other[1:] or (rest[1::-1] == other[:2] and rest[2:] == other[2:])
