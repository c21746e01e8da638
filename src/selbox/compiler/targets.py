"""Targets of rules that are no type: ``self``, ``notself`` and ``other``, which depend on the source.

Source: ``__cil_avrule_to_avtab`` of libsepol.
"""

from collections.abc import Iterator

from selbox.compiler.namespace import Place, Symbol, find
from selbox.compiler.program import Program
from selbox.language.cil import Form
from selbox.model.bitset import members
from selbox.typing import Final

SELF: Final = 0xFFFF_FFFF
"""Stands in for the target id of a rule whose target is its source."""

NOT_SELF: Final = 0xFFFF_FFFE
"""Every type but the source."""

OTHER: Final = 0xFFFF_FFFD
"""Every type of the source's attribute but the source itself."""

LOWEST_SPECIAL: Final = OTHER
"""The values above stand in for targets from here on; every id is less."""

SPECIAL: Final = {"self": SELF, "notself": NOT_SELF, "other": OTHER}


def target_of(program: Program, form: Form, place: Place) -> int | Symbol:
    """Return the target of a rule: what its third item names, or one of the values that stand in for a type.

    A type that is named ``notself`` or ``other`` is that type: compilers before version 3.6 knew no such words.

    Raises:
        UnresolvedNameError: nothing of that name is in reach.
        StatementError: a form stands where a name should.
    """
    word = form[2]
    special = SPECIAL.get(word) if isinstance(word, str) else None
    if special is None:
        return program.resolve("type", form, place, 2)
    if special != SELF and isinstance(word, str):
        named = find(place.scope, "type", word)
        if named is not None:
            return program.resolve("type", form, place, 2)
    return special


def special_pairs(sources: int, special: int, universe: int) -> Iterator[tuple[int, int]]:
    """Yield the source and target types that a rule with a target that is no type is for.

    Args:
        sources: bitset of the source's types.
        special: ``SELF``, ``NOT_SELF`` or ``OTHER``.
        universe: bitset of all types.
    """
    if special == SELF:
        for source in members(sources):
            yield source, source
        return
    targets = universe if special == NOT_SELF else sources
    for source in members(sources):
        for target in members(targets & ~(1 << source)):
            yield source, target
