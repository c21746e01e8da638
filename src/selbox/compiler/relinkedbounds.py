"""Bounds of types in a policy that is put together again: what they are, and whether all rules keep within them."""

from collections.abc import Iterator

from selbox.compiler.renewal import Parts, Row, Rules, Types
from selbox.compiler.rereading import GiveUpError
from selbox.model.bitset import bitset, members
from selbox.model.rules import RuleKind
from selbox.typing import Final

_ALLOW: Final = int(RuleKind.ALLOW)

_Granted = dict[tuple[int, int, int], dict[int, int]]
"""Bitsets of targets by permission, by source, class and branch."""


def type_bounds(parts: Parts) -> dict[int, int]:
    """Return the bounding type of each bounded one.

    Raises:
        GiveUpError: a type is bounded twice, or bounds itself.
    """
    kept = [(child, parent) for child, parent, place in parts.baseline.groups.type_bounds if not parts.gone(place)]
    come = parts.reread.resolution.identities.bounds["type"]
    bounds = dict(kept) | come
    if len(bounds) < len(kept) + len(come):
        raise GiveUpError
    for child in bounds:
        at, steps = child, 0
        while at in bounds:
            at, steps = bounds[at], steps + 1
            if steps > len(bounds):
                raise GiveUpError
    return bounds


def check_bounds(bounds: dict[int, int], types: Types, rules: Rules) -> None:
    """Give up where a rule may let a bounded type do what its bounding type may not.

    What is granted in both branches of a conditional does not count here as granted in any case: the whole compilation
    that follows knows better.

    Args:
        bounds: bounding types by bounded ones.
        types: all types.
        rules: all access rules.

    Source: as in :mod:`selbox.compiler.bounds`.
    """
    if not bounds:
        return
    bounded, bounding = bitset(bounds), bitset(bounds.values())
    granted: _Granted = {}
    limited: list[Row] = []
    for row in _allowing(bounded | bounding, types, rules):
        _, source, target, class_id, vector, branch = row
        sources, targets = types.of(source), types.of(target)
        for each in members(sources & bounding):
            of_key = granted.setdefault((each, class_id, branch), {})
            for bit in members(vector):
                of_key[bit] = of_key.get(bit, 0) | targets
        if sources & bounded:
            limited.append(row)
    for _, source, target, class_id, vector, branch in limited:
        targets = types.of(target)
        covered = targets & ~bounded | bitset(bounds[each] for each in members(targets & bounded))
        for each in members(types.of(source) & bounded):
            always = granted.get((bounds[each], class_id, 0), {})
            here = granted.get((bounds[each], class_id, branch), {})
            if any(covered & ~(always.get(bit, 0) | here.get(bit, 0)) for bit in members(vector)):
                raise GiveUpError


def _allowing(sources: int, types: Types, rules: Rules) -> Iterator[Row]:
    """Yield the ``allow`` rules of some types."""
    touching = {number for number, bits in types.bits.items() if bits & sources} | set(members(sources))
    for row, source in enumerate(rules.source):
        if source in touching and rules.kind[row] == _ALLOW and row not in rules.removed:
            yield rules.row(row)
    for each in rules.added:
        if each.row[1] in touching and each.row[0] == _ALLOW:
            yield each.row
