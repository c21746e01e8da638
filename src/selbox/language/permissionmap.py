"""Permission maps: for each permission which way information flows when it is used, and how much.

The format is that of SETools, so that its maps and ours can be used in each other's place::

    # what one process may do to a file
    1
    class file 3
        read    r 10
        write   w 10
        open    n  1

The first number says how many classes there are; each class is followed by as many lines as its heading says.

Source: ``perm_map`` of SETools, whose comments describe it, and ``setools/permmap.py``.
"""

from enum import Enum

from selbox.diagnostics import Diagnostics, SourceFile, Span
from selbox.typing import Final, NamedTuple

SYNTAX_CODE: Final = "permission-map-syntax"
WEIGHTS: Final = range(1, 11)
"""The weights that there are; a permission without one has the highest."""

_MOST: Final = 1_000_000
_DIGITS: Final = 7
"""A number of classes or permissions that no map has, and the digits of it."""


class Direction(Enum):
    """Which way information flows between subject and object; values are the letters of the format."""

    READ = "r"
    WRITE = "w"
    BOTH = "b"
    NONE = "n"
    UNMAPPED = "u"


class Mapping(NamedTuple):
    """What using a permission comes to.

    Attributes:
        direction: which way information flows.
        weight: how much, from 1 (next to nothing) to 10 (all there is).
    """

    direction: Direction
    weight: int


PermissionMap = dict[str, dict[str, Mapping]]
"""Mappings by name of class and permission."""

_DIRECTIONS: Final = {each.value: each for each in Direction}


class _Reader:
    """Takes the lines of a map one by one."""

    def __init__(self, source: SourceFile) -> None:
        self.map: PermissionMap = {}
        self.diagnostics = Diagnostics()
        self._source = source
        self._declared: int | None = None  # classes that there are to be
        self._left = 0  # permissions of the class that are still to come
        self._permissions: dict[str, Mapping] = {}
        self._heading = 0  # line of the class

    def take(self, line: int, words: list[str]) -> None:
        """Take a line that is not empty, by its number from 1."""
        if self._left and words[0] != "class":
            self._permission(line, words)
        elif self._declared is None:
            rule = "the first line says how many classes there are"
            self._declared = self._number(line, words[0], rule, range(_MOST + 1))
        elif words[0] == "class":
            self._class(line, words)
        else:
            advice = "write `class NAME NUMBER`, or correct the number of the class before"
            self._wrong(line, f"`{words[0]}` stands where a class begins", advice)

    def finish(self) -> None:
        """Check what can be checked at the end alone."""
        self._end_class()
        if self._declared is None:
            self.diagnostics.error(SYNTAX_CODE, f"`{self._source.name}` is no permission map: there is nothing in it")
        elif len(self.map) < self._declared:
            said = f"the first line says that there are {self._declared} classes, and there are {len(self.map)}"
            self.diagnostics.error(SYNTAX_CODE, f"`{self._source.name}` is not complete: {said}")

    def _class(self, line: int, words: list[str]) -> None:
        self._end_class()
        if len(words) != 3:
            self._wrong(line, "a class has a name and a number of permissions", "write `class NAME NUMBER`")
            return
        name = words[1]
        if name in self.map:
            self._wrong(line, f"class `{name}` is there already")
        elif len(self.map) == self._declared:
            self._wrong(line, f"class `{name}` is one more than the {self._declared} that the first line says")
        self._permissions = self.map.setdefault(name, {})
        self._left = self._number(line, words[2], "a class has at least one permission", range(1, _MOST + 1))
        self._heading = line

    def _end_class(self) -> None:
        if self._left:
            self._wrong(self._heading, f"{self._left} permissions of this class are missing")
        self._left = 0

    def _permission(self, line: int, words: list[str]) -> None:
        self._left -= 1
        if len(words) not in (2, 3):
            self._wrong(line, "a permission has a direction, and may have a weight", "write `NAME r 10`")
            return
        direction = _DIRECTIONS.get(words[1])
        if direction is None:
            advice = "directions are r (read), w (write), b (both), n (none) and u (not mapped)"
            self._wrong(line, f"`{words[1]}` is no direction", advice)
            return
        weight = WEIGHTS[-1]
        if len(words) == 3:
            weight = self._number(line, words[2], f"weights are {WEIGHTS[0]} to {WEIGHTS[-1]}", WEIGHTS)
        self._permissions[words[0]] = Mapping(direction, weight)

    def _number(self, line: int, word: str, rule: str, allowed: range) -> int:
        number = int(word) if word.isascii() and word.isdigit() and len(word) <= _DIGITS else -1
        if number in allowed:
            return number
        self._wrong(line, f"{rule}, and this says `{word}`")
        return allowed[0]

    def _wrong(self, line: int, message: str, advice: str = "") -> None:
        text = self._source.line_text(line)
        start = len(text) - len(text.lstrip())
        span = Span(self._source, line, start + 1, max(1, len(text.strip())))
        self.diagnostics.error(SYNTAX_CODE, message, span, advice)


def parse_permission_map(source: SourceFile) -> PermissionMap:
    """Read a permission map.

    Raises:
        SelboxError: ``permission-map-syntax``, with every line that is wrong.
    """
    reader = _Reader(source)
    for number, line in enumerate(source.text.split("\n"), 1):
        words = line.partition("#")[0].split()
        if words:
            reader.take(number, words)
    reader.finish()
    reader.diagnostics.raise_if_errors()
    return reader.map
