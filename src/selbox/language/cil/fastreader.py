"""Reads faultless text quickly, by the string methods of Python instead of one regular expression match a word.

It gives up on anything that it would have to explain; :mod:`selbox.language.cil.reader` then reads the text again,
slowly, and says what is wrong. The two agree on every text that both take.
"""

from typing import Final

from selbox.language.cil.tree import Form

_PLAIN: Final = bytes(code for code in range(0x20, 0x7F) if code != ord("\\")) + b"\t\n\r"
"""What symbols, parentheses and blanks are made of; anything else may only stand in strings and comments."""


def read_fast(text: str, maximum_depth: int) -> list[Form] | None:
    """Return the forms of a text, or None when there is a fault in it or anything unusual.

    Args:
        text: the source.
        maximum_depth: how deep forms may nest.
    """
    odd = not _is_plain(text)
    top = Form()
    current = top
    stack: list[Form] = []
    push, pop = stack.append, stack.pop
    start = 0
    for line in text.split("\n"):
        end = start + len(line) + 1
        if len(line) + len(stack) > maximum_depth and line.count("(") + len(stack) > maximum_depth:
            return None
        segments = _segments(line, start) if ";" in line or '"' in line else [(line, start, False)]
        if not segments:
            return None
        for segment, base, is_string in segments:
            if is_string:
                current.append(segment)
                continue
            if odd and not _is_plain(segment):
                return None
            found = -1
            for word in segment.replace("(", " ( ").replace(")", " ) ").split():
                if word == "(":
                    found = segment.find("(", found + 1)
                    form = Form()
                    form.offset = base + found
                    current.append(form)
                    push(current)
                    current = form
                elif word == ")":
                    if not stack:
                        return None
                    current = pop()
                else:
                    current.append(word)
        start = end
    if stack or not all(isinstance(form, Form) for form in top):
        return None
    return top  # type: ignore[return-value]  # it has just been checked that no atom is among them


def _is_plain(text: str) -> bool:
    return text.isascii() and not text.encode().translate(None, _PLAIN)


def _segments(line: str, start: int) -> list[tuple[str, int, bool]]:
    """Split a line into strings and what is between them, without its comment; nothing when a string does not end.

    Returns:
        Text, offset in the source, and whether it is a string.
    """
    segments: list[tuple[str, int, bool]] = []
    is_string = False
    parts = line.split('"')
    for part in parts:
        if not is_string and ";" in part:
            segments.append((part[: part.index(";")], start, False))
            return segments
        segments.append((part, start, is_string))
        start += len(part) + 1
        is_string = not is_string
    return segments if is_string else []
