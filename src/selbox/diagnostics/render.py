"""Diagnostics as text: the message, the place, the line with its underline, and help.

However long a line or a name is, and whatever bytes are in it, what is shown of it is short and can be printed.
"""

import re

from selbox.diagnostics.diagnostic import Diagnostic
from selbox.diagnostics.source import Span
from selbox.typing import Final

_COLUMNS: Final = 120
"""Characters of a line that are shown."""
_BEFORE: Final = 40
"""Characters before what is underlined that are shown of a line that is longer."""

_LONGEST_WORD: Final = 300
_HEAD, _TAIL = 200, 50
"""Characters that are shown of the two ends of a longer word."""
_LONGEST_SENTENCE: Final = 8000
_WORD: Final = r"`[^`]*`|[^\s`]+"
_LONG_WORD: Final = rf"`[^`]{{{_LONGEST_WORD}}}|[^\s`]{{{_LONGEST_WORD}}}"

_SURROGATES: Final = range(0xDC80, 0xDD00)
"""What undecodable bytes are decoded to, by ``surrogateescape``."""


def _escape(character: str) -> str:
    number = ord(character)
    if number in _SURROGATES:
        number &= 0xFF
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def _printable(text: str) -> str:
    """Return a text with escapes for what cannot be seen, such as undecodable bytes and control characters."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else " " if each == "\t" else _escape(each) for each in text)


def _shortened(word: "re.Match[str]") -> str:
    text = word[0]
    return text if len(text) <= _LONGEST_WORD else f"{text[:_HEAD]}…{text[-_TAIL:]}"


def _sentence(text: str) -> str:
    """Return a sentence without the middles of its longest words, which its reader wrote."""
    if re.search(_LONG_WORD, text):
        text = re.sub(_WORD, _shortened, text)
    if len(text) > _LONGEST_SENTENCE:
        text = f"{text[:_LONGEST_SENTENCE]}…"
    return "\n".join(_printable(line) for line in text.split("\n"))


def _excerpt(span: Span) -> list[str]:
    place = _sentence(span.place)
    text = span.source.line_text(span.line)
    if not text:
        return [f"  --> {place}"]
    gutter = " " * len(str(span.line))
    column = span.column - 1
    start = 0 if column + min(span.length, _BEFORE) <= _COLUMNS else column - _BEFORE
    end = start + _COLUMNS
    before, marked, after = (
        _printable(text[first:last])
        for first, last in ((start, column), (column, min(end, column + span.length)), (column + span.length, end))
    )
    if start:
        before = f"…{before}"
    if end < len(text):
        after += "…"
    return [
        f"{gutter}--> {place}",
        f"{gutter} |",
        f"{span.line} | {before}{marked}{after}",
        f"{gutter} | {' ' * len(before)}{'^' * max(1, len(marked))}",
    ]


def render(diagnostic: Diagnostic) -> str:
    """Return a diagnostic as the lines that a terminal shows, without a final newline.

    The first line is ``error[CODE]: MESSAGE``; the place and help follow where they are known.
    """
    lines = [f"{diagnostic.severity.value}[{diagnostic.code}]: {_sentence(diagnostic.message)}"]
    if diagnostic.span is not None:
        lines += _excerpt(diagnostic.span)
    for words, span in diagnostic.notes:
        lines.append(f"  note: {_sentence(words)}")
        if span is not None:
            lines += _excerpt(span)
    if diagnostic.help:
        lines.append(f"  help: {_sentence(diagnostic.help)}")
    return "\n".join(lines)
