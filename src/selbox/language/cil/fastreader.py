"""Reads faultless text quickly, by the string methods of Python instead of one regular expression match a word.

It gives up on anything that it would have to explain; :mod:`selbox.language.cil.reader` then reads the text again,
slowly, and says what is wrong. The two agree on every text that both take.

Policies are mostly rules of one line each: ``(allow SOURCE TARGET (CLASS (PERMISSION…)))``. Such a line is split once,
and the form at its end, which thousands of rules share, is read once and then found by its text; its parts are put into
columns together with those of others. Whether characters may stand where they stand is asked of each atom when it is
met first, and of all lines of another form.
"""

from selbox.language.cil.statements import USAGE
from selbox.language.cil.tree import MAXIMUM_DEPTH, Form, RuleColumns, RuleRun, is_too_deep
from selbox.typing import Final

_ATOM: Final = bytes(code for code in range(0x21, 0x7F) if chr(code) not in '\\();"')
"""What symbols are made of."""

_PLAIN: Final = _ATOM + b'();" \t\n\r'
"""What symbols, parentheses and blanks are made of; anything else may only stand in strings and comments."""

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


def read_fast(text: str, shared: Shared | None = None) -> list[Form | RuleRun] | None:
    """Return the forms of a text, or None when there is a fault in it or anything unusual.

    Args:
        text: the source.
        shared: what earlier texts hold.
    """
    reader = _FastReader(Shared() if shared is None else shared)
    if ";" in text and text.count(";") * _CHARACTERS_A_COMMENT > len(text):
        reader.plain = _is_plain(text)
        whole = reader.read_lines(text.split("\n"), 0)
    else:
        whole = reader.read_statements(text)
    if not whole or reader.stack or str in map(type, reader.current):
        return None
    return reader.current  # type: ignore[return-value]  # it has just been checked that no atom is among them


class _Body(Form):
    """A form that holds statements, as all around it do: nobody asks what these are but who looks for runs of rules."""

    __slots__ = ()


class _FastReader:
    """The state of one reading.

    Attributes:
        plain: whether it is known that only strings and comments hold other than plain characters.
        current: the innermost form that is still open; ``stack`` holds those around it.
        columns: rules of one line each.
    """

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.current: Form = _Body()
        self.stack: list[Form] = []
        self.plain = False
        self.columns = RuleColumns()

    def read_statements(self, text: str) -> bool:
        """Read a text with a statement on most of its lines; tell whether all could be read."""
        endings, atoms, closed = self.shared.endings, self.shared.atoms, self.shared.closed
        keyword_of = _KEYWORDS.get
        columns = self.columns
        keywords, sources, targets, lasts = columns.keywords, columns.sources, columns.targets, columns.endings
        offsets: list[int] = []
        add = self.current.append
        rules = self._rules_here()
        start = 0
        end = -1
        lines = text.split("\n")
        lines.append("")  # a run of rules ends at a line that is none
        for line in lines:
            offset = end + 1
            end = offset + len(line)
            if line[:1] == " ":
                line = line.lstrip(" ")
                offset = end - len(line)
            words = line.split(" ", 3)
            if words[0] in rules:
                ending: Form | None
                try:
                    _, source, target, last = words
                    source, target, ending = atoms[source], atoms[target], endings[last]
                except (KeyError, ValueError):
                    source, target, ending = self._read_rule(words, end)
                if ending is not None:
                    keywords.append(rules[words[0]])
                    sources.append(source)
                    targets.append(target)
                    lasts.append(ending)
                    offsets.append(offset)
                    continue
            if start < len(offsets):
                add(RuleRun(columns, start, len(offsets)))  # type: ignore[arg-type]  # who walks a body looks for it
                start = len(offsets)
            if words[0] == ")" and len(line) == 1 and self.stack:
                self.current = self.stack.pop()
                add, rules = self.current.append, self._rules_here()
                continue
            form: Form | None = None
            keyword = keyword_of(words[0])
            if keyword is not None:
                name = closed.get(words[2]) if len(words) == 3 else None
                if name is not None and words[1] in atoms:
                    form = Form((keyword, atoms[words[1]], name))
                else:
                    form = self._read_statement(keyword, line, offset)
            if form is not None:
                form.offset = offset
                add(form)
                continue
            if not self._read_other(words, line, offset):
                return False
            add, rules = self.current.append, self._rules_here()
        columns.offsets.fromlist(offsets)
        return True

    def _rules_here(self) -> dict[str, str]:
        """Return how the lines of rules begin that may be put into columns where they stand."""
        return _RULES if type(self.current) is _Body else {}

    def _read_rule(self, words: list[str], end: int) -> tuple[str, str, Form | None]:
        """Read a rule whose parts have not all been met yet.

        Args:
            words: its keyword with a parenthesis, two atoms, and the rest of the line.
            end: offset of the line's end in the text.

        Returns:
            The atoms and the rest; no form when the line is anything else.
        """
        if len(words) != 4:
            return "", "", None
        ending = self.shared.endings.get(words[3]) or self._read_ending(words[3], end - len(words[3]))
        names = self._atoms(words[1:3])
        return ("", "", None) if names is None else (names[0], names[1], ending)

    def _read_other(self, words: list[str], line: str, offset: int) -> bool:
        """Read a line that is no whole statement, or an unusual one; tell whether it could be read."""
        return (self._open(words, offset) or self.read_lines((line,), offset)) and not is_too_deep(
            self.stack, _SHARED_DEPTH
        )

    def _read_statement(self, keyword: str, line: str, offset: int) -> Form | None:
        """Read a statement of atoms, the last of which may be a form of atoms; None when its line is anything else."""
        if line[-1] != ")":
            return None
        if keyword == "filecon":
            return self._read_file_context(line, offset + len(line))
        start, _, rest = line[1:].partition("(")
        words = _words(start)
        if not rest:
            closed = words[-1]
            words[-1] = closed[:-1]
            items = self._atoms(words[1:])
            if items is None:
                return None
            self.shared.closed[closed] = items[-1]
            return Form((keyword, *items))
        items, members = self._atoms(words[1:]), self._atoms(_words(rest[:-2]))
        if items is None or members is None or line[-2] != ")":
            return None
        inner = Form(members)
        inner.offset = offset + 1 + len(start)
        return Form((keyword, *items, inner))

    def _open(self, words: list[str], offset: int) -> bool:
        """Open a form whose statements stand on the next lines; return False when its line is anything else."""
        if words[0][:1] != "(":
            return False
        items = self._atoms([words[0][1:], *words[1:]])
        if items is None:
            return False
        form = _Body(items) if self._holds_statements(items[0]) else Form(items)
        form.offset = offset
        self.current.append(form)
        self.stack.append(self.current)
        self.current = form
        return True

    def _holds_statements(self, keyword: str) -> bool:
        """Tell whether a form that opens now holds statements, as all around it do."""
        if type(self.current) is _Body:
            return keyword == "optional"
        return keyword in ("true", "false") and self.current.keyword == "booleanif" and type(self.stack[-1]) is _Body

    def _atoms(self, words: list[str]) -> list[str] | None:
        """Return words as they were met first; None when one of them is no atom."""
        atoms = self.shared.atoms
        try:
            return list(map(atoms.__getitem__, words))
        except KeyError:
            pass
        for word in words:
            if word not in atoms:
                if not word or not word.isascii() or word.encode().translate(None, _ATOM):
                    return None
                atoms[word] = word
        return list(map(atoms.__getitem__, words))

    def _read_ending(self, text: str, offset: int) -> Form | None:
        """Read the end of a rule: a form, and the parenthesis that closes the rule. None when it is anything else."""
        if text[:1] != "(" or text[-1] != ")" or text.count("(") >= _SHARED_DEPTH or '"' in text or ";" in text:
            return None
        reader = _FastReader(self.shared)
        if not reader.read_lines((text[:-1],), offset) or reader.stack or len(reader.current) != 1:
            return None
        form = reader.current[0]
        assert isinstance(form, Form)  # noqa: S101 - it begins with a parenthesis
        self.shared.endings[text] = form
        return form

    def _read_file_context(self, line: str, end: int) -> Form | None:
        """Read a line that is ``(filecon "PATTERN" KIND (CONTEXT))``; None when it is anything else."""
        parts = line.split('"')
        if len(parts) != 3 or parts[0].rstrip(" ") != "(filecon":
            return None
        kind, _, rest = parts[2].lstrip(" ").partition(" ")
        if not rest or self._atoms([kind]) is None:
            return None
        ending = self.shared.endings.get(rest) or self._read_ending(rest, end - len(rest))
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


def _words(text: str) -> list[str]:
    """Return what stands between blanks; other white space than these is left to the careful reader."""
    words = text.split(" ")
    return [word for word in words if word] if "" in words else words


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
