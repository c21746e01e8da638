"""Range transitions."""

from selbox.binary.cursor import Cursor
from selbox.binary.kernel.contexts import Symbols
from selbox.binary.kernel.levels import range_bytes, read_range
from selbox.binary.kernel.output import u32s
from selbox.model.mls import LevelRange
from selbox.model.policy import Policy
from selbox.model.rules import RangeTransition

_SLOTS = 256


def read_range_transitions(
    cursor: Cursor, symbols: Symbols
) -> tuple[tuple[RangeTransition, ...], tuple[LevelRange, ...]]:
    """Read the range transitions.

    Returns:
        The transitions, and the ranges that they refer to, each once.
    """
    cursor.section = "range transitions"
    ranges: dict[LevelRange, int] = {}
    result: dict[tuple[int, int, int], RangeTransition] = {}
    for _ in range(cursor.count(32)):
        source, target, object_class = cursor.u32s(3)
        if not (1 <= source <= symbols.types and 1 <= target <= symbols.types and 1 <= object_class <= symbols.classes):
            cursor.corrupt(
                f"a range transition has source {source}, target {target}, class {object_class}", cursor.offset - 12
            )
        level_range = read_range(cursor, mls=symbols.mls)
        if not symbols.has_range(level_range):
            cursor.corrupt("a range transition results in a range that does not exist")
        key = (source, target, object_class)
        if key in result:
            cursor.corrupt("a range transition stands twice")
        index = ranges.setdefault(level_range, len(ranges))
        result[key] = RangeTransition(source - 1, target - 1, object_class - 1, index)
    return tuple(result.values()), tuple(ranges)


def range_transitions_bytes(policy: Policy) -> bytes:
    """Return the range transitions; of rows with one key the first counts.

    Those of a binary keep their order, others get that of libsepol's hash table.

    Source: ``rangetr_hash`` and ``rangetr_cmp`` of libsepol 3.4.
    """
    rows: dict[tuple[int, int, int], int] = {}
    for each in policy.range_transitions:
        rows.setdefault((each.source + 1, each.target + 1, each.object_class + 1), each.range)
    keys = list(rows)
    if policy.binary_form is None:
        slots = _SLOTS
        while slots < len(rows):
            slots *= 2
        mask = slots - 1
        keys.sort(key=lambda key: (key[0] + (key[1] << 3) + (key[2] << 5) & mask, key))
    written = [range_bytes(each, policy.mls) for each in policy.ranges]
    return u32s(len(keys)) + b"".join([u32s(*key) + written[rows[key]] for key in keys])
