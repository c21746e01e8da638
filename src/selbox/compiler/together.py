"""Finds the statements that have an effect elsewhere than where they stand, or name what such ones declare.

Blocks, macros, calls and the like mean nothing one by one: a later compilation reads all of them again together.
"""

from bisect import bisect_right
from collections.abc import Sequence

from selbox.compiler.mentions import mentions
from selbox.compiler.namespace import Symbol
from selbox.compiler.program import Program
from selbox.language.cil import Tree
from selbox.typing import Final

NAMING: Final = frozenset(
    {"block", "macro", "tunable", "context", "level", "levelrange", "ipaddr", "categoryset"}
    | {"classmap", "classpermission", "permissionx"}
)
"""What declares names that only statements of this kind may use: the policy itself does not have them."""

MOST_CHARACTERS: Final = 1 << 18
"""Characters of such statements; with more, it is no quicker than compiling the whole."""

TopLevel = tuple[int, int]
"""A top-level statement: the number of its source, and its offset."""


def together(trees: Sequence[Tree], program: Program) -> frozenset[TopLevel] | None:
    """Return these statements; None when they are too long.

    Args:
        trees: the sources.
        program: what was made of them.
    """
    declared = [symbol for flavour in NAMING for symbol in program.symbols.get(flavour, ())]
    found = set(program.rearranging)
    found.update(symbol.place.top_level(symbol.form.offset) for symbol in declared)
    if not found:
        return frozenset()
    starts = [tree.starts() for tree in trees]
    if _characters(found, trees, starts) > MOST_CHARACTERS:
        return None
    # Macros are named by calls alone, tunables by `tunableif`, and blocks by calls and the like, or in front of a dot.
    named_elsewhere = (each for each in declared if _is_in_root(each) and each.flavour not in ("macro", "tunable"))
    words = {symbol.name for symbol in named_elsewhere}
    blocks = {symbol.name for symbol in declared if symbol.flavour == "block"}
    for number, tree in enumerate(trees):
        text = tree.source.text
        for word in words:
            for at in mentions(text, word):
                index = bisect_right(starts[number], at)
                if index and (word not in blocks or text.startswith(".", at + len(word))):
                    found.add((number, starts[number][index - 1]))
    return frozenset(found) if _characters(found, trees, starts) <= MOST_CHARACTERS else None


def _is_in_root(symbol: Symbol) -> bool:
    return symbol.place.scope.declaring.parent is None


def _characters(found: set[TopLevel], trees: Sequence[Tree], starts: Sequence[Sequence[int]]) -> int:
    return sum(_end(number, offset, trees, starts) - offset for number, offset in found)


def _end(number: int, offset: int, trees: Sequence[Tree], starts: Sequence[Sequence[int]]) -> int:
    index = bisect_right(starts[number], offset)
    return starts[number][index] if index < len(starts[number]) else len(trees[number].source.text)
