"""The rules of a large policy merged and put into the order of the file, in arrays.

What comes out is what :mod:`selbox.binary.kernel.mergedrules` makes of fewer rules one by one. This module imports
numpy; only who writes a large policy imports this module.
"""

from array import array

import numpy as np
from numpy.typing import NDArray

from selbox.binary.kernel.ruleorder import SLOTS
from selbox.model.rules import UNCONDITIONAL, RuleKind, Rules


def merged_in_order(rules: Rules) -> "tuple[array[int], array[int]]":
    """Return keys and data of the rules that always hold, one for each key, in the order of the file.

    Args:
        rules: of a policy that was compiled.
    """
    kind, source, target, object_class, data, condition = (
        np.frombuffer(column, np.uint32)
        for column in (rules.kind, rules.source, rules.target, rules.object_class, rules.data, rules.condition)
    )
    rows = np.flatnonzero(condition == UNCONDITIONAL)
    keys = (source + 1).astype(np.uint64)
    for part, shift in ((target + 1, 16), (object_class + 1, 32), (kind, 48)):
        keys |= part.astype(np.uint64) << np.uint64(shift)
    by_key = rows[np.argsort(keys[rows], kind="stable")]
    ascending = keys[by_key]
    keys, starts = np.unique(ascending, return_index=True)
    first = by_key[starts]
    is_access = keys < np.uint64(RuleKind.TYPE_TRANSITION << 48)
    merged = np.where(is_access, np.bitwise_or.reduceat(data[by_key], starts), data[first])
    half = np.uint64(0xFFFF)
    triple = (keys & half) << np.uint64(32) | (keys & half << np.uint64(16)) | keys >> np.uint64(32) & half
    # A compiler takes in the type rules first; other rules of a chain stay in the order in which they came.
    order = np.lexsort((first, is_access, triple, _slots(keys)))
    return array("Q", keys[order].tobytes()), array("I", merged[order].tobytes())


def _slots(keys: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """Return the slots of keys.

    Source: ``avtab_hash`` of libsepol.
    """
    state = np.zeros(len(keys), np.uint32)
    for shift in (32, 16, 0):
        value = (keys >> np.uint64(shift) & np.uint64(0xFFFF)).astype(np.uint32) * np.uint32(0xCC9E2D51)
        state ^= _rotated(value, 15) * np.uint32(0x1B873593)
        state = _rotated(state, 13) * np.uint32(5) + np.uint32(0xE6546B64)
    state = (state ^ state >> np.uint32(16)) * np.uint32(0x85EBCA6B)
    state = (state ^ state >> np.uint32(13)) * np.uint32(0xC2B2AE35)
    return (state ^ state >> np.uint32(16)) & np.uint32(SLOTS - 1)


def _rotated(values: NDArray[np.uint32], bits: int) -> NDArray[np.uint32]:
    return values << np.uint32(bits) | values >> np.uint32(32 - bits)
