"""What can be told of a file context's pattern without compiling it: how specific it is, and how it begins and ends.

INVARIANT: a path that a pattern matches begins with its prefix and ends with its suffix. Where the text leaves
doubt both are shorter than they could be, never longer: a longer one would hide an entry from a path.
"""

import re
from enum import Enum, auto

from selbox.typing import Final, NamedTuple

PATTERN_CODE: Final = "file-context-pattern"
"""Code of the error of a pattern that cannot be used."""

# secilc's view of a pattern: the stem is all before the first special character; a backslash hides the next one.
_STEM = re.compile(r"(?:[^\\.^$?*+|\[({]|\\(?:.|\Z))*", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# An escaped letter or digit may be a class or an assertion instead of itself; a final backslash is an error.
_ESCAPED_WORD = re.compile(r"\\(?:[0-9A-Za-z]|\Z)")
_OPTIONAL_NEXT = ("?", "*", "{")
# These two are for few patterns, and are compiled when the first of those is met.
_CLASS = r"\[\^?\]?(?:\\.|[^\]\\])*\]"
_NESTED = rf"(?s)\\.|{_CLASS}|\([^()]*\)"
_PIECE = rf"(?s)\\.|{_CLASS}|."
_SPECIAL = frozenset(".^$?*+|()[]{}\\")


class Tail(Enum):
    """What follows the prefix of a pattern: nothing, ``(/.*)?``, ``.*``, or what needs a regular expression."""

    NOTHING = auto()
    SUBTREE = auto()
    ANYTHING = auto()
    PATTERN = auto()


_TAILS = {"": Tail.NOTHING, "(/.*)?": Tail.SUBTREE, ".*": Tail.ANYTHING}


class PatternShape(NamedTuple):
    """A pattern taken apart.

    Attributes:
        prefix: what every matching path begins with.
        tail: what follows it.
        is_exact: whether secilc counts it as a path without special characters.
        stem_length: characters before the first special one; an escaped character counts one.
        length: characters in all, counted likewise.
    """

    prefix: str
    tail: Tail
    is_exact: bool
    stem_length: int
    length: int


def as_bytes_text(text: str) -> str:
    """Return text with one character for each byte of its UTF-8 form; ASCII is returned as it is.

    Undecodable bytes of file names (``surrogateescape``) come out as those bytes.
    """
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")


def pattern_shape(pattern: str) -> PatternShape:
    """Take a pattern apart.

    Source: ``cil_post_fc_fill_data`` of secilc for the three figures: ``. ^ $ ? * + | [ ( {`` are special.

    Args:
        pattern: the pattern, with a character for each byte as :func:`as_bytes_text` gives it.
    """
    stem = _STEM.match(pattern)
    end = stem.end() if stem else 0
    prefix, tail_text = pattern[:end], pattern[end:]
    length, stem_length = len(pattern), end
    if "\\" in pattern:
        stem_length -= len(_ESCAPED.findall(prefix))
        length -= len(_ESCAPED.findall(pattern))
    is_exact = not tail_text
    tail = _TAILS.get(tail_text, Tail.PATTERN)
    if tail is Tail.PATTERN and tail_text.startswith(_OPTIONAL_NEXT):
        prefix = prefix[:-2] if prefix[-2:-1] == "\\" else prefix[:-1]
    if "\\" in prefix:
        doubtful = _ESCAPED_WORD.search(prefix)
        if doubtful:
            prefix, tail = prefix[: doubtful.start()], Tail.PATTERN
        prefix = _ESCAPED.sub(r"\1", prefix)
    if ")" in prefix or (tail is Tail.PATTERN and "|" in tail_text and _has_alternatives(pattern)):
        prefix, tail = "", Tail.PATTERN
    return PatternShape(prefix, tail, is_exact, stem_length, length)


def pattern_suffix(pattern: str) -> str:
    """Return the text that every path matching a pattern ends with; empty where none can be told."""
    if "(?" in pattern or ("|" in pattern and _has_alternatives(pattern)):
        return ""
    suffix: list[str] = []
    for piece in re.findall(_PIECE, pattern):
        if len(piece) == 1 and piece not in _SPECIAL:
            suffix.append(piece)
        elif len(piece) == 2 and piece[0] == "\\" and _ESCAPED_WORD.match(piece) is None:
            suffix.append(piece[1])
        else:
            suffix.clear()
    return "".join(suffix)


def _has_alternatives(pattern: str) -> bool:
    """Tell whether a pattern has a ``|`` outside all groups and classes."""
    previous = ""
    while previous != pattern:
        previous, pattern = pattern, re.sub(_NESTED, "", pattern)
    return "|" in pattern
