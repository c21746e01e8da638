"""How names stand in CIL: what its identifiers can be, and declarations of names with dots, which stand in blocks."""

import re
from collections.abc import Collection, Iterable, Iterator

from selbox.typing import Final

_SYMBOL: Final = r"(?a:[\w\[\].@=/*\-$%+!|&^:~`#{}'<>?,]+)"
_NAME: Final = r"(?a:[A-Za-z][\w-]*(?:\.[A-Za-z][\w-]*)*)"

_RESERVED: Final = frozenset({"and", "or", "xor", "not", "eq", "neq", "all", "range", "dom", "domby", "incomp", "self"})
"""Names that mean something else where a declared name could stand."""

_RESERVED_TYPES: Final = frozenset({"notself", "other"})
"""Names that mean something else where a type could stand."""


def unnameable(types: Iterable[str], others: Iterable[str]) -> set[str]:
    """Return the names that CIL cannot declare; the part of a name before a dot is a block's.

    Args:
        types: names of types and attributes, and aliases of types.
        others: other names.
    """
    type_names = set(types)
    names = type_names.union(others)
    bad = names & _RESERVED | type_names & _RESERVED_TYPES
    if not are_words(names):
        bad |= {name for name in names if re.fullmatch(_NAME, name) is None}
    return bad


def are_words(names: Collection[str]) -> bool:
    """Tell whether names are all of letters, digits, hyphens and underscores, a letter first.

    One look at all of them is ten times faster than one at each.
    """
    together, first = "".join(names), "".join([name[:1] for name in names])
    rest = together.replace("_", "").replace("-", "")
    return "" not in names and together.isascii() and first.isalpha() and rest.isalnum()


def is_string(text: str) -> bool:
    """Tell whether a text can stand between quotes: CIL has no way to write a quote or the end of a line."""
    return '"' not in text and "\n" not in text


def is_file_name(text: str) -> bool:
    """Tell whether a named transition can ask for a name: a lone star is any name in CIL."""
    return is_string(text) and text not in {"", "*"}


def word(text: str) -> str:
    """Return a text as a symbol of CIL, in quotes where it has to be."""
    return text if re.fullmatch(_SYMBOL, text) else f'"{text}"'


class Declarations:
    """Writes declarations; those of names with dots are kept, and written as blocks in the end."""

    def __init__(self) -> None:
        self._blocks: _Block = _Block()

    def line(self, keyword: str, name: str, rest: str = "") -> str:
        """Return the line of a declaration, or nothing if it has to stand in a block.

        Args:
            keyword: such as ``type``.
            name: the whole name.
            rest: what follows it, with a blank before.
        """
        if "." not in name:
            return f"({keyword} {name}{rest})\n"
        block = self._blocks
        *path, own = name.split(".")
        for each in path:
            block = block.inner.setdefault(each, _Block())
        block.lines.append(f"({keyword} {own}{rest})\n")
        return ""

    def blocks(self) -> Iterator[str]:
        """Iterate over the lines of the blocks."""
        waiting: list[tuple[str, str, _Block | None]] = [
            ("", name, block) for name, block in sorted(self._blocks.inner.items(), reverse=True)
        ]
        while waiting:
            indent, name, block = waiting.pop()
            if block is None:
                yield f"{indent})\n"
                continue
            yield f"{indent}(block {name}\n"
            inner = f"{indent}    "
            yield from (f"{inner}{line}" for line in block.lines)
            waiting.append((indent, name, None))
            waiting += [(inner, each, found) for each, found in sorted(block.inner.items(), reverse=True)]


class _Block:
    """Declarations within one block, and the blocks within it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.inner: dict[str, _Block] = {}
