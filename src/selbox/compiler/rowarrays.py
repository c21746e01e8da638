"""Access rules of a large policy in arrays: their columns in the numbers of the compiled policy, and sorted.

This module imports numpy; only who keeps what a large compilation leaves imports this module.
"""

from array import array
from collections.abc import Mapping
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from selbox.compiler.keptids import KeptIds
from selbox.model.origin import OriginTable
from selbox.model.rules import RuleKind, Rules
from selbox.typing import Any, NamedTuple

_LARGEST = 0xFFFF
"""What a column of 16 bits holds at most."""


class RowArrays(NamedTuple):
    """Columns of rules, all of one length.

    Attributes:
        kind: of 8 bits.
        source, target, object_class: ids; 16 bits.
        data: access vectors; 32 bits.
        branch: of the statement, as in :class:`selbox.compiler.namespace.Place`; 16 bits.
        place: of the statement, as in :mod:`selbox.compiler.baseline`; 64 bits.
    """

    kind: NDArray[np.uint8]
    source: NDArray[np.uint16]
    target: NDArray[np.uint16]
    object_class: NDArray[np.uint16]
    data: NDArray[np.uint32]
    branch: NDArray[np.uint16]
    place: NDArray[np.uint64]


def row_arrays(rules: Rules, count: int, kept: KeptIds, table: OriginTable) -> RowArrays | None:
    """Return the columns of the first rows of a table.

    Args:
        rules: the table; no target is other than a type.
        count: of the rows.
        kept: the ids that the columns shall have, and the places of statements.
        table: the origins of the rows.

    Returns:
        None when they are not in the order of the sources, or one has none.

    Raises:
        OverflowError: a number does not fit in its column.
    """
    origins = kept.resolution.origins
    origin = _column(rules.origin, count)
    place_of = _places(kept, table)
    place = place_of[origin]
    if not origin.all():
        return None
    order = np.argsort(place, kind="stable") if kept.together else np.arange(count)
    place = place[order]
    if (place[1:] < place[:-1]).any():
        return None
    branch = np.array([0, *map(attrgetter("branch"), origins.places)], np.uint32)[origin[order]]
    new_ids = np.array(kept.ids, np.uint32)
    source, target = new_ids[_column(rules.source, count)[order]], new_ids[_column(rules.target, count)[order]]
    object_class = _column(rules.object_class, count)[order]
    kind = _column(rules.kind, count)[order].astype(np.uint8)
    return RowArrays(
        kind,
        _narrow(source),
        _narrow(target),
        _narrow(object_class),
        _column(rules.data, count)[order],
        _narrow(branch),
        place,
    )


def _places(kept: KeptIds, table: OriginTable) -> NDArray[np.uint64]:
    """Return the place of each origin, after one for none."""
    origins = kept.resolution.origins
    if kept.together:
        return np.array([0, *map(kept.place_at, origins.offsets, origins.places)], np.uint64)
    file, offset = np.frombuffer(table.file, np.uint32), np.frombuffer(table.offset, np.uint32)
    _, first_of_file = np.unique(file, return_index=True)
    numbers = np.array([origins.places[at].path[0] for at in first_of_file.tolist()], np.uint64)
    places = np.zeros(len(file) + 1, np.uint64)
    places[1:] = numbers[file] << np.uint64(32) | offset
    return places


def by_triple(rows: RowArrays) -> tuple[NDArray[np.uint64], NDArray[np.uint32], NDArray[np.uint32]]:
    """Return the unconditional rows by source, target and class.

    Returns:
        The triples, each in one number, ascending; where the rows of each begin among the next, and how many there are;
        and the rows by their triples.
    """
    always = np.flatnonzero(rows.branch == 0)
    keys = _triples(rows.source[always], rows.target[always], rows.object_class[always])
    order = np.argsort(keys, kind="stable")
    triples, firsts = np.unique(keys[order], return_index=True)
    return triples, np.append(firsts, len(order)).astype(np.uint32), always[order].astype(np.uint32)


def forbidden(rows: RowArrays, vectors: Mapping[int, int]) -> NDArray[np.uint32]:
    """Return the rows that allow something of what is forbidden, in their order.

    Args:
        rows: those to look at.
        vectors: access vectors by class.
    """
    of_class = np.zeros(_LARGEST + 1, np.uint32)
    for object_class, vector in vectors.items():
        of_class[object_class] = vector
    allowing = (rows.kind == RuleKind.ALLOW) & (rows.data & of_class[rows.object_class] != 0)
    return np.flatnonzero(allowing).astype(np.uint32)


def uses(rows: RowArrays) -> dict[int, int]:
    """Return how many times rows name each type and attribute that they name."""
    counts = np.bincount(rows.source) if len(rows.source) else np.zeros(0, np.int64)
    others = np.bincount(rows.target, minlength=len(counts))
    others[: len(counts)] += counts
    named = np.flatnonzero(others)
    return dict(zip(named.tolist(), others[named].tolist(), strict=True))


def sorted_entries(table: bytes) -> bytes:
    """Return the entries of a table of rules in the order of their sources, targets and classes.

    Args:
        table: entries of binary policies, 12 bytes each.
    """
    entries = np.frombuffer(table, "<u2").reshape(-1, 6)
    keys = _triples(entries[:, 0], entries[:, 1], entries[:, 2])
    return entries[np.argsort(keys, kind="stable")].tobytes()


def _triples(
    source: NDArray[np.uint16], target: NDArray[np.uint16], object_class: NDArray[np.uint16]
) -> NDArray[np.uint64]:
    return source.astype(np.uint64) << np.uint64(32) | target.astype(np.uint64) << np.uint64(16) | object_class


def _column(column: "array[int]", count: int) -> NDArray[Any]:
    return np.frombuffer(column, np.uint32)[:count]


def _narrow(column: NDArray[np.uint32]) -> NDArray[np.uint16]:
    """Return a column in 16 bits.

    Raises:
        OverflowError: one of its numbers needs more.
    """
    if column.size and int(column.max()) > _LARGEST:
        raise OverflowError
    return column.astype(np.uint16)
