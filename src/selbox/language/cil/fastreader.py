"""Reads faultless text quickly, by the string methods of Python instead of one regular expression match a word.

It gives up on anything that it would have to explain; :mod:`selbox.language.cil.reader` then reads the text again,
slowly, and says what is wrong. The two agree on every text that both take.

Policies are mostly rules of one line each: ``(allow SOURCE TARGET (CLASS (PERMISSION…)))``. Such a line is split once,
and the form at its end, which thousands of rules share, is read once and then found by its text.
"""

import re
from typing import Final

from selbox.language.cil.statements import USAGE
from selbox.language.cil.tree import Form, RuleForm

_PLAIN: Final = bytes(code for code in range(0x20, 0x7F) if code != ord("\\")) + b"\t\n\r"
"""What symbols, parentheses and blanks are made of; anything else may only stand in strings and comments."""

_STRING_OR_COMMENT: Final = re.compile(r'"[^"\n]*"|;[^\n]*')

_KEYWORDS: Final = {f"({keyword}": keyword for keyword in USAGE}
_RULES: Final = {f"({keyword}": keyword for keyword in ("allow", "auditallow", "dontaudit", "neverallow")}
"""How the lines of rules begin that end in a form of classes and permissions."""

_SHARED_DEPTH: Final = 16
"""Parentheses that a shared form may have."""

Endings = dict[str, Form]
"""Ends of rules by their text, from the second character of their form to the end of the line."""


def read_fast(text: str, maximum_depth: int, endings: Endings | None = None) -> list[Form] | None:
    """Return the forms of a text, or None when there is a fault in it or anything unusual.

    Args:
        text: the source.
        maximum_depth: how deep forms may nest.
        endings: what earlier texts ended rules in; grows.
    """
    reader = _FastReader(maximum_depth, {} if endings is None else endings)
    whole = reader.read_plain(text) if _is_plain(_bare(text)) else reader.read_lines(text.split("\n"), 0)
    if not whole or reader.stack or not all(isinstance(form, Form) for form in reader.current):
        return None
    return reader.current  # type: ignore[return-value]  # it has just been checked that no atom is among them


def _bare(text: str) -> str:
    """Return a text without what stands in strings and comments."""
    if ";" in text:
        return _STRING_OR_COMMENT.sub("", text)
    return "".join(text.split('"')[::2])


class _FastReader:
    """The state of one reading.

    Attributes:
        plain: whether only strings and comments hold other than plain characters.
        current: the innermost form that is still open; ``stack`` holds those around it.
    """

    def __init__(self, maximum_depth: int, endings: Endings) -> None:
        self.maximum_depth = maximum_depth
        self.endings = endings
        self.current = Form()
        self.stack: list[Form] = []
        self.plain = False

    def read_plain(self, text: str) -> bool:
        """Read lines that hold plain characters outside of strings and comments; tell whether all could be read."""
        self.plain = True
        endings = self.endings
        rules = _RULES
        stack = self.stack
        add = self.current.append
        start = 0
        for line in text.split("\n"):
            if '"' not in line and ";" not in line:
                bare = line.lstrip()
                head, _, tail = bare.partition(" (")
                words = head.split()
                if tail:
                    if len(words) == 3 and words[0] in rules and head.count("(") == 1 and ")" not in head:
                        ending = endings.get(tail)
                        if ending is None:
                            ending = self._ending(tail, start + len(line) - len(tail) - 1)
                        if ending is not None:
                            words[0] = rules[words[0]]
                            words.append(ending)  # type: ignore[arg-type]  # these are the words of a form by now
                            form: Form = RuleForm(words)
                            form.offset = start + len(line) - len(bare)
                            add(form)
                            start += len(line) + 1
                            continue
                elif len(words) > 1 and bare.count("(") == 1 == bare.count(")"):
                    if _strip_parentheses(words):
                        form = Form(words)
                        form.offset = start + len(line) - len(bare)
                        add(form)
                        start += len(line) + 1
                        continue
                elif bare == ")" and stack:
                    self.current = stack.pop()
                    add = self.current.append
                    start += len(line) + 1
                    continue
            elif self._read_file_context(line, start):
                start += len(line) + 1
                continue
            if not self.read_lines((line,), start) or len(stack) + _SHARED_DEPTH > self.maximum_depth:
                return False
            add = self.current.append
            start += len(line) + 1
        return True

    def _read_file_context(self, line: str, start: int) -> bool:
        """Read a line that is ``(filecon "PATTERN" KIND (CONTEXT))``; tell whether it is one."""
        parts = line.split('"')
        if len(parts) != 3 or parts[0].strip() != "(filecon" or ";" in line:
            return False
        kind, _, tail = parts[2].partition(" (")
        kind = kind.strip()
        if not kind.isalpha():
            return False
        ending = self.endings.get(tail) or self._ending(tail, start + len(line) - len(tail) - 1)
        if ending is None:
            return False
        form = Form(("filecon", parts[1], kind, ending))
        form.offset = start + line.index("(")
        self.current.append(form)
        return True

    def _ending(self, tail: str, offset: int) -> Form | None:
        """Read the end of a rule: a form, and the parenthesis that closes the rule. None when it is anything else."""
        if tail.count("(") >= _SHARED_DEPTH - 1 or not tail:
            return None
        reader = _FastReader(_SHARED_DEPTH, {})
        reader.plain = True
        if tail[-1] != ")" or not reader.read_lines((f"({tail[:-1]}",), offset) or reader.stack:
            return None
        form = reader.current[0]
        if len(reader.current) != 1 or not isinstance(form, Form):
            return None
        self.endings[tail] = form
        return form

    def read_lines(self, lines: "list[str] | tuple[str]", start: int) -> bool:
        """Read lines of any form; tell whether all could be read.

        Args:
            lines: without their ends.
            start: offset of the first one.
        """
        stack = self.stack
        current = self.current
        push, pop = stack.append, stack.pop
        for line in lines:
            end = start + len(line) + 1
            if len(line) + len(stack) > self.maximum_depth and line.count("(") + len(stack) > self.maximum_depth:
                return False
            segments = _segments(line, start) if ";" in line or '"' in line else [(line, start, False)]
            if not segments:
                return False
            for segment, base, is_string in segments:
                if is_string:
                    current.append(segment)
                    continue
                if not self.plain and not _is_plain(segment):
                    return False
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
                            return False
                        current = pop()
                    else:
                        current.append(word)
            start = end
        self.current = current
        return True


def _strip_parentheses(words: list[str]) -> bool:
    """Make the words of a line that has one parenthesis of each kind those of its form; tell whether it is one."""
    first, last = words[0], words[-1]
    if first[0] != "(" or last[-1] != ")" or first == "(" or last == ")":
        return False
    words[0] = _KEYWORDS.get(first) or first[1:]
    words[-1] = last[:-1]
    return True


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
