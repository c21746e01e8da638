"""Access rules as arrays: what they say of many pairs of types at once.

Rules between two types go into a hash table. Rules on attributes are few, and types with the same attributes are one
to them: what they come to is written out in a small matrix for each class, whose rows are the types that such rules
name and the groups that the others fall into, and whose columns are groups. Three look-ups answer for a pair.

This module imports numpy; only who decides by the array imports this module.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from selbox.model.policy import Policy
from selbox.model.rules import RuleKind, Rules
from selbox.server import ruleindex
from selbox.server.ruleindex import RuleIndex
from selbox.typing import NamedTuple

Ids = NDArray[np.intp]
"""Type, class or row numbers."""
Vectors = NDArray[np.uint64]
"""Allow vectors in bits 0 to 31 and dontaudit vectors in bits 32 to 63; or auditallow vectors."""

DONTAUDIT_SHIFT = 32
_MATRIX_LIMIT = 1 << 22
"""Cells of a class's matrix, and of the work on it, beyond which its rules are looked up one by one: only a policy
that is made to be large gets there, and it shall not take memory that is out of proportion to it."""

_FILTER_LIMIT = 1 << 25
"""Pairs of class and type that are told apart at most before rules are looked up, likewise."""

_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio: neighbouring keys are spread over the table


class RuleArrays:
    """Answers for arrays of pairs what :meth:`RuleIndex.access` answers for one.

    Args:
        policy: whose rules these are.
        active: which conditional rules hold, from :func:`selbox.server.conditionals.active_conditions`.
        index: the same rules, for the classes that are too large for a matrix.
    """

    def __init__(self, policy: Policy, active: Sequence[bool], index: RuleIndex) -> None:
        self._index = index
        self._active = active
        kind = _column(policy.rules, "kind")
        access = np.isin(kind, [RuleKind.ALLOW, RuleKind.AUDITALLOW, RuleKind.DONTAUDIT])
        rows = np.flatnonzero(access & np.array(active, dtype=bool)[_column(policy.rules, "condition")])
        groups = _TypeGroups(policy)
        is_audit = kind[rows] == RuleKind.AUDITALLOW
        self._granting = _VectorTable(policy, groups, rows[~is_audit])
        self._recording = _VectorTable(policy, groups, rows[is_audit])
        source, object_class = _column(policy.rules, "source"), _column(policy.rules, "object_class")
        self._recorded = _SourceFilter(
            groups, len(policy.classes), object_class[rows[is_audit]], source[rows[is_audit]]
        )
        large = self._granting.large | self._recording.large
        self._large = np.flatnonzero(large) if large.any() else None

    def access(self, sources: Ids, targets: Ids, classes: Ids) -> tuple[Vectors, Vectors]:
        """Return what the access rules say.

        Args:
            sources: type ids.
            targets: type ids.
            classes: ids of classes that the policy has. All of one length.

        Returns:
            The vectors of allow and dontaudit rules in one, and those of auditallow rules.
        """
        granting = self._granting.look_up(sources, targets, classes)
        recording = np.zeros(len(classes), dtype=np.uint64)
        places = self._recorded.places(classes, sources)
        if len(places):
            recording[places] = self._recording.look_up(sources[places], targets[places], classes[places])
        if self._large is not None:
            for place in np.flatnonzero(np.isin(classes, self._large)):
                pair = int(sources[place]), int(targets[place])
                packed = self._index.access(*pair, int(classes[place]), self._active)
                dontaudit = packed >> ruleindex.DONTAUDIT_SHIFT & ruleindex.VECTOR_MASK
                granting[place] = packed & ruleindex.VECTOR_MASK | dontaudit << DONTAUDIT_SHIFT
                recording[place] = packed >> ruleindex.AUDITALLOW_SHIFT & ruleindex.VECTOR_MASK
        return granting, recording


def _column(rules: Rules, name: str) -> NDArray[np.uint32]:
    column = getattr(rules, name)
    return np.frombuffer(column, dtype=np.uint32) if len(column) else np.zeros(0, dtype=np.uint32)


class _TypeGroups:
    """Types by their attributes.

    Attributes:
        is_attribute: whether an id is an attribute's, shape (types,).
        of_type: the number of a type's group, shape (types,); an attribute's own means nothing.
        attributes: number of an attribute among the attributes, by id.
        members: whether the types of a group have an attribute, shape (groups, attributes).
    """

    def __init__(self, policy: Policy) -> None:
        count = len(policy.types)
        self.is_attribute = np.array([each.is_attribute for each in policy.types], dtype=bool)
        ids = np.flatnonzero(self.is_attribute)
        self.attributes = np.zeros(count, dtype=np.intp)
        self.attributes[ids] = np.arange(len(ids))
        size = (count + 7) // 8
        packed = b"".join(policy.types[index].types.to_bytes(size, "little") for index in ids.tolist())
        by_attribute = np.frombuffer(packed, dtype=np.uint8).reshape(len(ids), size)
        has = np.unpackbits(by_attribute, axis=1, count=count, bitorder="little").T.astype(bool)
        self.of_type, first = _grouped(has)
        self.members = has[first]


def _grouped(rows: NDArray[np.bool_]) -> tuple[Ids, Ids]:
    """Number the distinct rows of a matrix: the number of each row, and a row that has each number."""
    width = -(-rows.shape[1] // 64) * 64
    digits = np.zeros((len(rows), max(width, 64)), dtype=bool)
    digits[:, : rows.shape[1]] = rows
    packed = np.packbits(digits, axis=1)
    keys = packed.view(np.uint64 if width <= 64 else np.dtype((np.void, packed.shape[1]))).reshape(-1)
    _, first, of_row = np.unique(keys, return_index=True, return_inverse=True)
    return of_row, first


class _VectorTable:
    """Some rules of a policy, looked up by source type, target type and class.

    Attributes:
        large: whether a class's rules are too many for a matrix, so that answers about it mean nothing; by class id.
    """

    def __init__(self, policy: Policy, groups: _TypeGroups, rows: Ids) -> None:
        rules = policy.rules
        source, target = _column(rules, "source")[rows], _column(rules, "target")[rows]
        object_class = _column(rules, "object_class")[rows].astype(np.intp)
        vector = _column(rules, "data")[rows].astype(np.uint64)
        vector <<= np.where(_column(rules, "kind")[rows] == RuleKind.DONTAUDIT, DONTAUDIT_SHIFT, 0).astype(np.uint64)
        shape = len(policy.classes), len(policy.types)
        to_attribute = groups.is_attribute[target]
        from_attribute = groups.is_attribute[source] & ~to_attribute
        plain = ~to_attribute & ~from_attribute

        def matrices(chosen: NDArray[np.bool_], rows: NDArray[np.uint32], columns: NDArray[np.uint32]) -> _Matrices:
            named = _Named(rows[chosen].astype(np.intp), columns[chosen].astype(np.intp), vector[chosen])
            return _Matrices(groups, shape, object_class[chosen], named)

        self._to_attributes = matrices(to_attribute, source, target)
        self._from_attributes = matrices(from_attribute, target, source)
        self._between_types = _HashTable(
            groups, shape[0], object_class[plain], source[plain], target[plain], vector[plain]
        )
        self.large = self._to_attributes.large | self._from_attributes.large

    def look_up(self, sources: Ids, targets: Ids, classes: Ids) -> Vectors:
        """Return the union of the vectors of all rules that bear on each pair."""
        result = self._between_types.look_up(classes, sources, targets)
        result |= self._to_attributes.look_up(classes, sources, targets)
        result |= self._from_attributes.look_up(classes, targets, sources)
        return result


class _SourceFilter:
    """Tells for which classes and source types some rules say anything at all; for most, few rules do.

    Args:
        groups: the types.
        class_count: classes of the policy.
        object_class: of each rule.
        source: the type or attribute that each rule names.
    """

    def __init__(
        self, groups: _TypeGroups, class_count: int, object_class: NDArray[np.integer], source: NDArray[np.integer]
    ) -> None:
        self._type_count = count = len(groups.is_attribute)
        classes, row_of_rule = np.unique(object_class, return_inverse=True)
        self._is_used = (len(classes) + 1) * count <= _FILTER_LIMIT
        if not self._is_used:
            return
        # Row 0 is for the classes without rules.
        self._rows = np.zeros(class_count, dtype=np.intp)
        self._rows[classes] = np.arange(1, len(classes) + 1)
        named = np.zeros((len(classes) + 1, count), dtype=bool)
        named[row_of_rule + 1, source] = True
        for row, entry in zip(*np.nonzero(named & groups.is_attribute), strict=True):
            named[row] |= groups.members[groups.of_type, groups.attributes[entry]]
        self._named = named.reshape(-1)

    def places(self, classes: Ids, sources: Ids) -> Ids:
        """Return the places in which rules may say something."""
        if not self._is_used:
            return np.arange(len(classes))
        rows = self._rows[classes]
        rows *= self._type_count
        rows += sources
        return np.flatnonzero(self._named[rows])


class _HashTable:
    """Vectors by class, source type and target type: open addressing, so that a few array operations look all up."""

    def __init__(
        self,
        groups: _TypeGroups,
        class_count: int,
        object_class: Ids,
        source: NDArray[np.uint32],
        target: NDArray[np.uint32],
        vector: Vectors,
    ) -> None:
        self._type_count = len(groups.is_attribute)
        self._filter = _SourceFilter(groups, class_count, object_class, source)
        keys, vectors = _united(self._key(object_class, source, target), vector)
        bits = max(2, (2 * len(keys)).bit_length())
        self._shift = np.uint64(64 - bits)
        self._mask = (1 << bits) - 1
        self._keys = np.full(1 << bits, _EMPTY)
        self._vectors = np.zeros(1 << bits, dtype=np.uint64)
        slots = self._slots(keys)
        while len(keys):
            free = self._keys[slots] == _EMPTY
            self._keys[slots[free]] = keys[free]  # of several with one slot, one gets it
            placed = self._keys[slots] == keys
            self._vectors[slots[placed]] = vectors[placed]
            keys, vectors, slots = keys[~placed], vectors[~placed], slots[~placed] + 1 & self._mask

    def _key(self, classes: NDArray[np.integer], sources: NDArray[np.integer], targets: NDArray[np.integer]) -> Vectors:
        key = classes.astype(np.uint64)
        key *= np.uint64(self._type_count)
        key += sources.astype(np.uint64)
        key *= np.uint64(self._type_count)
        key += targets.astype(np.uint64)
        return key

    def _slots(self, keys: Vectors) -> Ids:
        return ((keys * _MULTIPLIER) >> self._shift).astype(np.intp)

    def look_up(self, classes: Ids, sources: Ids, targets: Ids) -> Vectors:
        result = np.zeros(len(classes), dtype=np.uint64)
        places = self._filter.places(classes, sources)
        keys = self._key(classes[places], sources[places], targets[places])
        slots = self._slots(keys)
        met = self._keys[slots]
        left = np.flatnonzero(met != _EMPTY)
        places, slots, keys, met = places[left], slots[left], keys[left], met[left]
        while len(places):
            found = met == keys
            result[places[found]] = self._vectors[slots[found]]
            slots = slots + 1 & self._mask
            met = self._keys[slots]
            left = np.flatnonzero(~found & (met != _EMPTY))
            places, slots, keys, met = places[left], slots[left], keys[left], met[left]
        return result


def _united(keys: Vectors, vectors: Vectors) -> tuple[Vectors, Vectors]:
    """Return each key once, with the union of its vectors."""
    if not len(keys):
        return keys, vectors
    order = np.argsort(keys, kind="stable")
    keys, vectors = keys[order], vectors[order]
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    return keys[starts], np.bitwise_or.reduceat(vectors, starts)


class _Named(NamedTuple):
    """Rules with an attribute on one side.

    Attributes:
        row: type or attribute id of the side that makes the rows.
        column: attribute id of the other side.
        vector: what they say.
    """

    row: Ids
    column: Ids
    vector: Vectors


class _Matrices:
    """The matrices of all classes, one after another in one array.

    Attributes:
        large: whether a class's matrix would be too large, so that it has none; by class id.
    """

    def __init__(self, groups: _TypeGroups, shape: tuple[int, int], object_class: Ids, named: _Named) -> None:
        class_count, self._type_count = shape
        self._groups = groups.of_type
        self._group_count = len(groups.members)
        self.large = np.zeros(class_count, dtype=bool)
        # Class 0 of those numbered here is for the classes without rules: its only cell says nothing.
        self._classes = np.zeros(class_count, dtype=np.intp)
        starts = [np.zeros(self._type_count, dtype=np.intp)]
        columns = [np.zeros(self._group_count, dtype=np.intp)]
        cells: list[Vectors] = [np.zeros(1, dtype=np.uint64)]
        size = 1
        order = np.argsort(object_class, kind="stable")
        for chosen in np.split(order, np.flatnonzero(np.diff(object_class[order])) + 1):
            if not len(chosen):
                continue
            number = int(object_class[chosen[0]])
            is_room = len(starts) * self._type_count <= _FILTER_LIMIT
            matrix = (
                None
                if not is_room
                else _matrix(groups, _Named(named.row[chosen], named.column[chosen], named.vector[chosen]))
            )
            if matrix is None:
                self.large[number] = True
                continue
            self._classes[number] = len(starts)
            starts.append(matrix.row_of_type * matrix.cells.shape[1] + size)
            columns.append(matrix.column_of_group)
            cells.append(matrix.cells.reshape(-1))
            size += matrix.cells.size
        self._starts = np.concatenate(starts)
        self._columns = np.concatenate(columns)
        self._cells = np.concatenate(cells)

    def look_up(self, classes: Ids, rows: Ids, columns: Ids) -> Vectors:
        number = self._classes[classes]
        place = self._starts[number * self._type_count + rows]
        place += self._columns[number * self._group_count + self._groups[columns]]
        cells: Vectors = self._cells[place]
        return cells


class _Matrix(NamedTuple):
    """What the rules of one class with an attribute on one side come to.

    Attributes:
        row_of_type: shape (types,).
        column_of_group: shape (groups,).
        cells: shape (rows, columns).
    """

    row_of_type: Ids
    column_of_group: Ids
    cells: Vectors


def _matrix(groups: _TypeGroups, named: _Named) -> _Matrix | None:
    """Write out the rules of one class; None when that would be too large."""
    attributes, attribute_of_rule = np.unique(groups.attributes[named.column], return_inverse=True)
    column_of_group, first = _grouped(groups.members[:, attributes])
    entries, row_starts = np.unique(named.row, return_index=True)
    by_attribute = groups.is_attribute[entries]
    row_of_group, first_with = _grouped(groups.members[:, groups.attributes[entries[by_attribute]]])
    row_count = len(first_with) + int((~by_attribute).sum())
    if max(len(named.row), row_count) * len(first) > _MATRIX_LIMIT:
        return None
    order = np.argsort(named.row, kind="stable")
    row_starts = np.searchsorted(named.row[order], entries)
    # What each rule says of each column, then the union over the rules of each entry.
    has = groups.members[np.ix_(first, attributes)].T
    said = np.where(has[attribute_of_rule[order]], named.vector[order][:, None], np.uint64(0))
    of_entry = np.bitwise_or.reduceat(said, row_starts, axis=0)
    cells = np.zeros((row_count, len(first)), dtype=np.uint64)
    naming = groups.members[np.ix_(first_with, groups.attributes[entries[by_attribute]])]
    for row, entry in zip(*np.nonzero(naming), strict=True):
        cells[row] |= of_entry[by_attribute][entry]
    row_of_type = row_of_group[groups.of_type]
    own = entries[~by_attribute]
    cells[len(first_with) :] = of_entry[~by_attribute] | cells[row_of_type[own]]
    row_of_type[own] = np.arange(len(first_with), row_count)
    return _Matrix(row_of_type, column_of_group, cells)
