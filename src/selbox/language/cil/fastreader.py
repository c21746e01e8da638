"""Reads faultless text quickly, by the string methods of Python instead of one regular expression match a word.

It gives up on anything that it would have to explain; :mod:`selbox.language.cil.reader` then reads the text again,
slowly, and says what is wrong. The two agree on every text that both take.

Policies are mostly rules of one line each: ``(allow SOURCE TARGET (CLASS (PERMISSION…)))``. Such a line is split once,
and the form at its end, which thousands of rules share, is read once and then found by its text.
"""

import re

from selbox.language.cil.statements import USAGE
from selbox.language.cil.tree import MAXIMUM_DEPTH, Form, RuleForm, is_too_deep
from selbox.typing import Final

_PLAIN: Final = bytes(code for code in range(0x20, 0x7F) if code != ord("\\")) + b"\t\n\r"
"""What symbols, parentheses and blanks are made of; anything else may only stand in strings and comments."""

_STRING_OR_COMMENT: Final = re.compile(r'"[^"\n]*"|;[^\n]*')

_NO_ATOM: Final = dict.fromkeys(map(ord, '();"'))
"""Plain characters that no symbol is made of, to be taken out."""

_KEYWORDS: Final = {f"({keyword}": keyword for keyword in USAGE}
_RULES: Final = {f"({keyword}": keyword for keyword in ("allow", "auditallow", "dontaudit")}
"""How the lines of access rules begin."""

_CHARACTERS_A_COMMENT: Final = 512
"""A text with more comments than that has been written by hand, in lines of any form."""

_SHARED_DEPTH: Final = 16
"""Parentheses that a shared form may have."""


class Shared:
    """What the texts of a policy have in common, by its text; it grows with every text that is read.

    Attributes:
        endings: the last argument of rules, a form, by what its line has from there on.
        atoms: every atom, by itself.
        closed: the last atom of a statement, by itself with the parenthesis that closes the statement.
    """

    __slots__ = ("atoms", "closed", "endings")

    def __init__(self) -> None:
        self.endings: dict[str, Form] = {}
        self.atoms: dict[str, str] = {}
        self.closed: dict[str, str] = {}


def read_fast(text: str, shared: Shared | None = None) -> list[Form] | None:
    """Return the forms of a text, or None when there is a fault in it or anything unusual.

    Args:
        text: the source.
        shared: what earlier texts hold.
    """
    reader = _FastReader(Shared() if shared is None else shared)
    if text.count(";") * _CHARACTERS_A_COMMENT > len(text):
        reader.plain = _is_plain(text)
        whole = reader.read_lines(text.split("\n"), 0)
    else:
        whole = reader.read_plain(text) if _is_plain(_bare(text)) else reader.read_lines(text.split("\n"), 0)
    if not whole or reader.stack or str in set(map(type, reader.current)):
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

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.current = Form()
        self.stack: list[Form] = []
        self.plain = False

    def read_plain(self, text: str) -> bool:
        """Read lines that hold plain characters outside of strings and comments; tell whether all could be read."""
        self.plain = True
        endings, atoms, closed = self.shared.endings, self.shared.atoms, self.shared.closed
        stack = self.stack
        add = self.current.append
        start = 0
        for line in text.split("\n"):
            words = line.split(None, 3)
            form: Form | None = None
            if len(words) == 4 and words[0] in _RULES:
                try:
                    form = RuleForm((_RULES[words[0]], atoms[words[1]], atoms[words[2]], endings[words[3]]))
                except KeyError:
                    form = self._read_rule(words, start + len(line) - len(words[3]))
            elif len(words) == 3 and words[0] in _KEYWORDS:
                try:
                    form = Form((_KEYWORDS[words[0]], atoms[words[1]], closed[words[2]]))
                except KeyError:
                    form = self._read_flat(words)
            elif len(words) > 1 and words[0] in _KEYWORDS:
                is_file_context = words[0] == "(filecon"
                form = self._read_file_context(line, start) if is_file_context else self._read_flat(line.split())
            elif words == [")"] and stack:
                self.current = stack.pop()
                add = self.current.append
                start += len(line) + 1
                continue
            if form is None:
                if not self.read_lines((line,), start) or is_too_deep(stack, _SHARED_DEPTH):
                    return False
                add = self.current.append
            else:
                form.offset = start + line.find("(")
                add(form)
            start += len(line) + 1
        return True

    def _read_rule(self, words: list[str], offset: int) -> Form | None:
        """Read a rule whose parts have not all been met yet.

        Args:
            words: its keyword, two atoms, and the rest of the line.
            offset: of the rest in the text.

        Returns:
            The rule, or None when the line is anything else.
        """
        ending = self.shared.endings.get(words[3]) or self._read_ending(words[3], offset)
        if ending is None or not self._are_atoms(words[1:3]):
            return None
        return RuleForm((_RULES[words[0]], words[1], words[2], ending))

    def _read_flat(self, words: list[str]) -> Form | None:
        """Read a statement of atoms alone; None when its line is anything else."""
        last = words[-1][:-1]
        if words[-1][-1] != ")" or "(" in words[-1] or not self._are_atoms([*words[1:-1], last]):
            return None
        self.shared.closed[words[-1]] = last
        return Form((_KEYWORDS[words[0]], *words[1:-1], last))

    def _are_atoms(self, words: list[str]) -> bool:
        """Tell whether words are plain atoms, and remember them."""
        atoms = self.shared.atoms
        for word in words:
            if word not in atoms:
                if not word or word.translate(_NO_ATOM) != word:
                    return False
                atoms[word] = word
        return True

    def _read_ending(self, text: str, offset: int) -> Form | None:
        """Read the end of a rule: a form, and the parenthesis that closes the rule. None when it is anything else."""
        if text[0] != "(" or text[-1] != ")" or text.count("(") >= _SHARED_DEPTH or '"' in text or ";" in text:
            return None
        reader = _FastReader(self.shared)
        reader.plain = True
        if not reader.read_lines((text[:-1],), offset) or reader.stack or len(reader.current) != 1:
            return None
        form = reader.current[0]
        assert isinstance(form, Form)  # noqa: S101 - it begins with a parenthesis
        self.shared.endings[text] = form
        return form

    def _read_file_context(self, line: str, start: int) -> Form | None:
        """Read a line that is ``(filecon "PATTERN" KIND (CONTEXT))``; None when it is anything else."""
        parts = line.split('"')
        if len(parts) != 3 or parts[0].strip() != "(filecon":
            return None
        kind, _, rest = parts[2].strip().partition(" ")
        if not kind.isalpha() or not rest:
            return None
        ending = self.shared.endings.get(rest) or self._read_ending(rest, start + len(line) - len(rest))
        return None if ending is None else Form(("filecon", parts[1], kind, ending))

    def read_lines(self, lines: "list[str] | tuple[str]", start: int) -> bool:
        """Read lines of any form; tell whether all could be read.

        Args:
            lines: without their ends.
            start: offset of the first one.
        """
        stack = self.stack
        current = self.current
        push, pop = stack.append, stack.pop
        odd = not self.plain
        for line in lines:
            end = start + len(line) + 1
            if len(line) + len(stack) > MAXIMUM_DEPTH and is_too_deep(stack, line.count("(")):
                return False
            segments = _segments(line, start) if ";" in line or '"' in line else [(line, start, False)]
            if not segments:
                return False
            for segment, base, is_string in segments:
                if is_string:
                    current.append(segment)
                    continue
                if odd and not _is_plain(segment):
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
