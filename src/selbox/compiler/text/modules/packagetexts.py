"""The texts of a package as CIL: file contexts, which users Linux users are, prefixes of home directories.

Source: ``file_contexts_to_cil``, ``seusers_to_cil``, ``user_extra_to_cil`` of libsepol's ``module_to_cil.c``, and
``tokenize`` of its ``util.c``.
"""

from collections.abc import Iterator

from selbox.compiler.text.modules.symbols import DEFAULT_LEVEL
from selbox.diagnostics import SelboxError, SourceFile, Span
from selbox.typing import NoReturn

_SPACES = " \t\n\v\f\r"
_FILE_KINDS = {
    "--": "file",
    "-d": "dir",
    "-c": "char",
    "-b": "block",
    "-s": "socket",
    "-p": "pipe",
    "-l": "symlink",
}


class _Lines:
    """The lines of a text that say something, and where the one at hand stands."""

    def __init__(self, text: str, name: str) -> None:
        self._name = name
        self._text = text
        self._number = 0
        self._line = ""

    def __iter__(self) -> Iterator[str]:
        # What follows a zero byte is not read: libsepol takes it for the end.
        for number, line in enumerate(self._text.split("\0", 1)[0].split("\n"), 1):
            text = line.lstrip(_SPACES)
            if text and not text.startswith("#"):
                self._number, self._line = number, line
                yield text

    def refuse(self, expected: str) -> NoReturn:
        start = len(self._line) - len(self._line.lstrip(_SPACES))
        shown = self._text.encode(errors="surrogateescape").decode(errors="replace")
        span = Span(SourceFile(self._name, shown), self._number, start + 1, max(1, len(self._line.strip(_SPACES))))
        raise SelboxError.of("package-line", f"this line cannot be read; expected {expected}", span)


def _tokens(text: str, delimiter: str, most: int) -> list[str]:
    """Cut a line into at most ``most`` tokens; the last is all that is left.

    A delimiter at the very end belongs to the token before it, as it does in libsepol.
    """
    tokens: list[str] = []
    while text and len(tokens) < most - 1:
        if delimiter == " ":
            end = next((at for at, character in enumerate(text) if character in _SPACES), len(text))
            rest = text[end + 1 :]
            tokens.append(text[:end] if rest else text)
            text = rest.lstrip(_SPACES)
        else:
            token, _, rest = text.partition(delimiter)
            tokens.append(token if rest else text)
            text = rest
    return [*tokens, text] if text else tokens


def file_context_statements(text: str, name: str, out: list[str]) -> None:
    """Write ``filecon`` statements for the file contexts of a package.

    Raises:
        SelboxError: ``package-line``.
    """
    lines = _Lines(text, f"{name} (file contexts)")
    contexts: dict[str, str] = {}
    for line in lines:
        tokens = _tokens(line, " ", 3)
        if len(tokens) < 2 or (len(tokens) == 3 and tokens[1] not in _FILE_KINDS):
            lines.refuse("`PATTERN [KIND] CONTEXT`, with one of -- -d -c -b -s -p -l as kind")
        kind = _FILE_KINDS[tokens[1]] if len(tokens) == 3 else "any"
        wanted = tokens[-1]
        context = contexts.get(wanted)
        if context is None:
            context = contexts[wanted] = _context(wanted, lines)
        out.append(f'(filecon "{tokens[0]}" {kind} {context})\n')


def _context(text: str, lines: _Lines) -> str:
    if text == "<<none>>":
        return "()"
    parts = _tokens(text, ":", 4)
    if len(parts) < 3:
        lines.refuse("a context `USER:ROLE:TYPE[:RANGE]` at its end, or `<<none>>`")
    levels = _levels(parts[3]) if len(parts) > 3 else f"{DEFAULT_LEVEL} {DEFAULT_LEVEL}"
    return f"({' '.join(parts[:3])} ({levels}))"


def _levels(text: str) -> str:
    low, dash, high = text.partition("-")
    return f"{_level(low)} {_level(high if dash else low)}"


def _level(text: str) -> str:
    parts = _tokens(text, ":", 2)
    if len(parts) < 2:
        return f"({parts[0]})" if parts else ""
    categories = ""
    for each in filter(None, parts[1].split(",")):
        first, dot, last = each.partition(".")
        categories += f"(range {first} {last}) " if dot else f"{each} "
    return f"({parts[0]}({categories}))"


def login_statements(text: str, name: str, out: list[str]) -> None:
    """Write ``selinuxuser`` statements for the ``seusers`` of a package.

    Raises:
        SelboxError: ``package-line``.
    """
    lines = _Lines(text, f"{name} (seusers)")
    for line in lines:
        parts = _tokens(line, ":", 3)
        if len(parts) < 2:
            lines.refuse("`LOGIN:USER[:RANGE]`")
        levels = _levels(parts[2]) if len(parts) > 2 else f"{DEFAULT_LEVEL} {DEFAULT_LEVEL}"
        if parts[0] == "__default__":
            out.append(f"(selinuxuserdefault {parts[1]} ({levels}))\n")
        else:
            out.append(f"(selinuxuser {parts[0]} {parts[1]} ({levels}))\n")


def prefix_statements(text: str, name: str, out: list[str]) -> None:
    """Write ``userprefix`` statements for the ``users_extra`` of a package.

    Raises:
        SelboxError: ``package-line``.
    """
    lines = _Lines(text, f"{name} (users_extra)")
    for line in lines:
        parts = _tokens(line, " ", 4)
        if len(parts) != 4 or parts[::2] != ["user", "prefix"] or not parts[3].endswith(";"):
            lines.refuse("`user USER prefix PREFIX;`")
        out.append(f"(userprefix {parts[1]} {parts[3][:-1]})\n")
