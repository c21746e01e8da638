"""Levels and ranges of a catalogue, read from text."""

from selbox.analysis.catalogue import Catalogue
from selbox.diagnostics import SelboxError, did_you_mean
from selbox.typing import NoReturn

INVALID_RANGE_CODE = "invalid-range"

Level = tuple[int, int]
"""A sensitivity's id, and a bitset of categories."""


def read_range(catalogue: Catalogue, text: str) -> tuple[Level, Level]:
    """Read ``LOW`` or ``LOW-HIGH``, with blanks around the dash or without.

    Raises:
        SelboxError: ``invalid-range``, when a name is not known, or the high level does not dominate the low one.
    """
    low_text, dash, high_text = text.partition("-")
    low = _read_level(catalogue, text, low_text.strip())
    high = _read_level(catalogue, text, high_text.strip()) if dash else low
    if high[0] < low[0] or low[1] & ~high[1]:
        _fail(text, "the high level does not dominate the low one")
    return low, high


def _read_level(catalogue: Catalogue, whole: str, text: str) -> Level:
    name, colon, rest = text.partition(":")
    sensitivity = _index(catalogue, whole, name, catalogue.sensitivities, "sensitivity")
    categories = 0
    for part in rest.split(",") if colon else ():
        first_name, dot, last_name = part.partition(".")
        first = _index(catalogue, whole, first_name, catalogue.categories, "category")
        last = _index(catalogue, whole, last_name, catalogue.categories, "category") if dot else first
        if last < first:
            _fail(whole, f"`{part}` is no run of categories")
        categories |= (1 << last + 1) - (1 << first)
    return sensitivity, categories


def _index(catalogue: Catalogue, whole: str, name: str, names: tuple[str, ...], noun: str) -> int:
    known = catalogue.level_aliases.get(name, name)
    if known not in names:
        _fail(whole, f"the policy has no {noun} `{name}`", did_you_mean(name, names))
    return names.index(known)


def _fail(text: str, words: str, advice: str = "") -> NoReturn:
    raise SelboxError.of(INVALID_RANGE_CODE, f"`{text}` is no range of this policy: {words}", help=advice)
