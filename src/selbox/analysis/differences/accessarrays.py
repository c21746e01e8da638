"""Differences of access rules: what each type may do to each other one, where two policies do not say the same.

Written out for all types, the rules of a policy are a million and more, of which nearly all are the same in two
policies that are worth comparing. So rules that are the same on both sides are put aside first, rules about sets of
types that have changed are reduced to where they have, and what both policies say is worked out for the places that are
left.

This module imports numpy; only who compares rules imports it.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from selbox.analysis.catalogue import Catalogue
from selbox.analysis.differences.numbering import Numbering
from selbox.model.bitset import members
from selbox.model.rules import RuleKind
from selbox.typing import Final, NamedTuple

Numbers = NDArray[np.int64]
"""Numbers of :class:`Numbering`, or several in one."""

Vectors = NDArray[np.uint64]
"""Access vectors, by the bits of :attr:`Numbering.permissions`, which may be more than one policy can have."""

Truths = NDArray[np.bool_]

_CELLS_AT_ONCE: Final = 1 << 22
"""Cells of a matrix that are looked at together."""

_LIKE: Final = 2
"""Sets are taken for the same one, changed, when they differ in no more than this part of their types."""


class AccessDifferences(NamedTuple):
    """Where access rules of one kind differ, an entry for each branch, class, source and target.

    Attributes:
        branch, object_class, source, target: numbers of :class:`Numbering`.
        left, right: what each policy says there beyond what always holds; 0 where it says nothing.
    """

    branch: Numbers
    object_class: Numbers
    source: Numbers
    target: Numbers
    left: Vectors
    right: Vectors


class _Rules(NamedTuple):
    """Rules of one kind of a policy, ascending by their keys, of which each is there once."""

    keys: Numbers
    vectors: Vectors


class _Box(NamedTuple):
    """Places where the policies may differ: all pairs from two sets, for one branch and class.

    Attributes:
        group: branch and class in one number.
        sources, targets: bitsets of types.
    """

    group: int
    sources: int
    targets: int


class AccessComparison:
    """Compares access rules of two policies.

    A key is a branch, a class, a source and a target, packed into one number in this order. The key of a place names
    two types; that of a rule may name sets of types.

    Args:
        numbering: of the two.
        left: catalogue of one policy.
        right: of the other.
        active: for each policy, by value of the rules' ``condition`` column, whether such rules hold: those that do are
            taken for rules that always hold then, and the others left out. None keeps branches apart.
    """

    def __init__(
        self,
        numbering: Numbering,
        left: Catalogue,
        right: Catalogue,
        active: tuple[Sequence[bool], Sequence[bool]] | None = None,
    ) -> None:
        self._numbering = numbering
        self._catalogues = left, right
        self._active = active
        self._types = len(numbering.types)
        self._sets = len(numbering.sets)
        self._classes = max(1, len(numbering.classes))
        self._has = self._membership()
        self._members = lru_cache(maxsize=None)(self._listed)

    def differences(self, kind: RuleKind) -> AccessDifferences:
        """Compare the rules of one kind.

        Source: ``setools/diff/terules.py``: rules are written out for types, permissions of several rules are united,
        and what a conditional rule repeats of what always holds is left out.
        """
        rules = left, right = self._rules(0, kind), self._rules(1, kind)
        places = self._places(left, right)
        always, conditional = np.split(places, np.searchsorted(places, [self._branch_size]))
        always_said = [self._said(each, always) for each in rules]
        changed = always[always_said[0] != always_said[1]]
        conditional = _distinct(np.concatenate((conditional, self._conditional(left, right, changed))))
        beside = conditional % self._branch_size
        distinct = _distinct(beside)
        said = [
            np.concatenate(
                (
                    vectors,
                    self._said(each, conditional) & ~self._said(each, distinct)[np.searchsorted(distinct, beside)],
                )
            )
            for each, vectors in zip(rules, always_said, strict=True)
        ]
        differs = said[0] != said[1]
        keys = np.concatenate((always, conditional))
        return self._unpacked(keys[differs], said[0][differs], said[1][differs])

    def places(self, kind: RuleKind) -> tuple[Numbers, Numbers, Numbers]:
        """Return the class, source and target of all places that rules of either policy are about, in any branch."""
        keys = [each.keys % self._branch_size for each in (self._rules(0, kind), self._rules(1, kind))]
        boxes = (
            _Box(group, self._numbering.sets[source], self._numbering.sets[target])
            for key in _distinct(np.concatenate(keys)).tolist()
            for group, pair in [divmod(key, self._group_size)]
            for source, target in [divmod(pair, self._sets)]
        )
        groups, pairs = np.divmod(self._written_out(boxes), self._group_size)
        return groups, *np.divmod(pairs, self._sets)

    @property
    def _branch_size(self) -> int:
        """How many keys there are for a branch."""
        return self._group_size * self._classes

    @property
    def _group_size(self) -> int:
        """How many keys there are for a branch and a class."""
        return self._sets * self._sets

    def _unpacked(self, keys: Numbers, left: Vectors, right: Vectors) -> AccessDifferences:
        groups, pairs = np.divmod(keys, self._group_size)
        return AccessDifferences(*np.divmod(groups, self._classes), *np.divmod(pairs, self._sets), left, right)

    def _membership(self) -> Truths:
        """Return for each set that is no type, and each type, whether the one has the other."""
        sets = self._numbering.sets[self._types :]
        size = self._types // 8 + 1
        content = b"".join(each.to_bytes(size, "little") for each in sets)
        packed = np.frombuffer(content, dtype=np.uint8).reshape(len(sets), size)
        return np.unpackbits(packed, axis=1, bitorder="little")[:, : self._types].astype(bool)

    def _listed(self, bits: int) -> Numbers:
        return np.fromiter(members(bits), dtype=np.int64, count=bits.bit_count())

    def _rules(self, side: int, kind: RuleKind) -> _Rules:
        """Return the rules of a kind of one policy."""
        numbering, columns = self._numbering, self._catalogues[side].rules
        rows = np.flatnonzero(np.frombuffer(columns.kind, dtype=np.uint8) == kind)
        if self._active is not None:
            holds = np.array(self._active[side], dtype=bool)
            rows = rows[holds[np.frombuffer(columns.condition, dtype=np.uint32)[rows]]]
        source, target, object_class, data, condition = (
            np.frombuffer(each, dtype=np.uint32)[rows].astype(np.int64) for each in columns[1:6]
        )
        sets = np.array(numbering.sets_of[side], dtype=np.int64)
        branches = np.array(numbering.branches_of[side], dtype=np.int64)
        if self._active is not None:
            branches[:] = 0
        classes = np.array(numbering.classes_of[side], dtype=np.int64)
        groups = branches[condition] * self._classes + classes[object_class]
        keys = groups * self._group_size + sets[source] * self._sets + sets[target]
        vectors = self._vectors(side, object_class, data.astype(np.uint64))
        order = np.argsort(keys, kind="stable")
        keys, vectors = keys[order], vectors[order]
        starts = np.flatnonzero(np.diff(keys, prepend=-1))
        if len(starts) < len(keys):
            keys, vectors = keys[starts], np.bitwise_or.reduceat(vectors, starts)
        return _Rules(keys, vectors)

    def _vectors(self, side: int, classes: Numbers, data: Vectors) -> Vectors:
        """Return access vectors by the bits that both policies have in common."""
        for object_class, bits in enumerate(self._numbering.permissions_of[side]):
            if bits == [*range(len(bits))]:
                continue
            rows = np.flatnonzero(classes == object_class)
            moved = np.zeros(len(rows), dtype=np.uint64)
            for own, common in enumerate(bits):
                moved |= (data[rows] >> np.uint64(own) & np.uint64(1)) << np.uint64(common)
            data[rows] = moved
        return data

    def _places(self, left: _Rules, right: _Rules) -> Numbers:
        """Return the keys of the places where the policies may differ, ascending."""
        others = _found(right, left.keys)
        is_left_alone = others != left.vectors
        is_right_alone = _found(left, right.keys) != right.vectors
        boxes = self._boxes(
            _Rules(left.keys[is_left_alone], left.vectors[is_left_alone]),
            _Rules(right.keys[is_right_alone], right.vectors[is_right_alone]),
        )
        return self._written_out(boxes)

    def _boxes(self, left: _Rules, right: _Rules) -> Iterator[_Box]:
        """Yield where rules that only one policy has may make a difference."""
        sets = self._numbering.sets
        partners = self._partners()
        waiting = dict(zip(right.keys.tolist(), right.vectors.tolist(), strict=True))
        for key, vector in zip(left.keys.tolist(), left.vectors.tolist(), strict=True):
            group, pair = divmod(key, self._group_size)
            source, target = divmod(pair, self._sets)
            other_source, other_target = partners.get(source, source), partners.get(target, target)
            other = waiting.pop(group * self._group_size + other_source * self._sets + other_target, None)
            sources, targets = sets[source], sets[target]
            if other is None:
                yield _Box(group, sources, targets)
                continue
            other_sources, other_targets = sets[other_source], sets[other_target]
            if other != vector:
                yield _Box(group, sources | other_sources, targets | other_targets)
            else:  # the same is said on both sides, but for what the sets have lost or won
                yield _Box(group, sources ^ other_sources, targets | other_targets)
                yield _Box(group, sources & other_sources, targets ^ other_targets)
        for key in waiting:
            group, pair = divmod(key, self._group_size)
            source, target = divmod(pair, self._sets)
            yield _Box(group, sets[source], sets[target])

    def _partners(self) -> dict[int, int]:
        """Return for sets that the left policy has alone the set of the right one's own that is most like it."""
        sets = self._numbering.sets
        left, right = (frozenset(each) for each in self._numbering.sets_of)
        partners = {}
        free = sorted(each for each in right - left if each >= self._types)
        for each in sorted(left - right):
            if each < self._types or not free:
                continue
            difference, nearest = min(((sets[each] ^ sets[other]).bit_count(), other) for other in free)
            if difference * _LIKE <= sets[each].bit_count():
                partners[each] = nearest
                free.remove(nearest)
        return partners

    def _written_out(self, boxes: Iterator[_Box]) -> Numbers:
        """Return the keys of all places in boxes, ascending."""
        keys = [
            box.group * self._group_size
            + np.add.outer(self._members(box.sources) * self._sets, self._members(box.targets)).ravel()
            for box in boxes
            if box.sources and box.targets
        ]
        return _distinct(np.concatenate(keys)) if keys else np.empty(0, dtype=np.int64)

    def _conditional(self, left: _Rules, right: _Rules, changed: Numbers) -> Numbers:
        """Return places of conditional rules where what always holds has changed."""
        size = self._branch_size
        keys = np.concatenate([each.keys[each.keys >= size] for each in (left, right)])
        sources, targets = np.divmod(keys % self._group_size, self._sets)
        are_types = (sources < self._types) & (targets < self._types)
        found = [keys[are_types & _among(keys % size, changed)]]
        about_sets = np.flatnonzero(~are_types)
        classes = keys[about_sets] % size // self._group_size
        for object_class in _distinct(changed // self._group_size).tolist():
            start, end = np.searchsorted(changed // self._group_size, [object_class, object_class + 1]).tolist()
            pairs = changed[start:end] % self._group_size
            rows = about_sets[classes == object_class]
            for part in _parts(rows, len(pairs)):
                applies = self._applies(sources[part], targets[part], *np.divmod(pairs, self._sets))
                rules, places = np.nonzero(applies)
                groups = keys[part[rules]] // self._group_size
                found.append(groups * self._group_size + pairs[places])
        return _distinct(np.concatenate(found))

    def _said(self, rules: _Rules, places: Numbers) -> Vectors:
        """Return what rules say at some places, whose keys ascend, by whatever sets."""
        result = _found(rules, places)
        groups = places // self._group_size
        sources, targets = np.divmod(rules.keys % self._group_size, self._sets)
        about_sets = np.flatnonzero((sources >= self._types) | (targets >= self._types))
        rule_groups = rules.keys[about_sets] // self._group_size
        for group in _distinct(groups).tolist():
            start, end = np.searchsorted(groups, [group, group + 1]).tolist()
            first, last = np.searchsorted(rule_groups, [group, group + 1]).tolist()
            if first < last:
                rows = about_sets[first:last]
                pairs = np.divmod(places[start:end] % self._group_size, self._sets)
                self._add(sources[rows], targets[rows], rules.vectors[rows], *pairs, result[start:end])
        return result

    def _add(
        self,
        rule_sources: Numbers,
        rule_targets: Numbers,
        vectors: Vectors,
        sources: Numbers,
        targets: Numbers,
        result: Vectors,
    ) -> None:
        """Add what rules about sets say to what is said at some places, all of one branch and class."""
        if len(rule_sources) * len(sources) > _CELLS_AT_ONCE:
            self._add_by_matrix(rule_sources, rule_targets, vectors, sources, targets, result)
            return
        applies = self._applies(rule_sources, rule_targets, sources, targets)
        said = np.where(applies, vectors[:, np.newaxis], np.uint64(0))
        result |= np.bitwise_or.reduce(said, axis=0)

    def _applies(self, rule_sources: Numbers, rule_targets: Numbers, sources: Numbers, targets: Numbers) -> Truths:
        """Tell for rules and pairs of types which is about which."""
        applies: Truths = self._having(rule_sources, sources) & self._having(rule_targets, targets)
        return applies

    def _having(self, sets: Numbers, types: Numbers) -> Truths:
        """Tell for sets and types which has which."""
        result: Truths = sets[:, np.newaxis] == types
        is_set = sets >= self._types
        result[is_set] = self._has[sets[is_set] - self._types][:, types]
        return result

    def _places_in(self, types: Numbers, number: int) -> Numbers:
        """Return at which places of a list of types there are types of a set."""
        return np.flatnonzero(self._having(np.array([number]), types)[0])

    def _add_by_matrix(
        self,
        rule_sources: Numbers,
        rule_targets: Numbers,
        vectors: Vectors,
        sources: Numbers,
        targets: Numbers,
        result: Vectors,
    ) -> None:
        """Do what :meth:`_add` does, with a matrix of all pairs that each rule is written into."""
        columns, column_of = np.unique(targets, return_inverse=True)
        height = max(1, _CELLS_AT_ONCE // len(columns))
        lines, line_of = np.unique(sources, return_inverse=True)
        for top in range(0, len(lines), height):
            part = lines[top : top + height]
            matrix = np.zeros((len(part), len(columns)), dtype=np.uint64)
            in_lines = lru_cache(maxsize=None)(partial(self._places_in, part))
            in_columns = lru_cache(maxsize=None)(partial(self._places_in, columns))
            for source, target, vector in zip(rule_sources.tolist(), rule_targets.tolist(), vectors, strict=True):
                matrix[in_lines(source)[:, np.newaxis], in_columns(target)] |= vector
            places = np.flatnonzero((line_of >= top) & (line_of < top + height))
            result[places] |= matrix[line_of[places] - top, column_of[places]]


def _found(rules: _Rules, keys: Numbers) -> Vectors:
    """Return the vectors of rules by their keys; 0 for keys that none has."""
    if not len(rules.keys):
        return np.zeros(len(keys), dtype=np.uint64)
    places = np.minimum(np.searchsorted(rules.keys, keys), len(rules.keys) - 1)
    return np.where(rules.keys[places] == keys, rules.vectors[places], np.uint64(0))


def _among(keys: Numbers, ascending: Numbers) -> Truths:
    """Tell which keys are among others."""
    if not len(ascending):
        return np.zeros(len(keys), dtype=bool)
    places = np.minimum(np.searchsorted(ascending, keys), len(ascending) - 1)
    return np.equal(ascending[places], keys)


def _distinct(keys: Numbers) -> Numbers:
    """Return keys in ascending order, each once; by sorting, which is quicker here than :func:`numpy.unique`."""
    keys = np.sort(keys)
    return keys[np.flatnonzero(np.diff(keys, prepend=-1))]


def _parts(rows: Numbers, width: int) -> Iterator[Numbers]:
    """Yield rows in parts of so many that a matrix of them is not too large."""
    height = max(1, _CELLS_AT_ONCE // max(1, width))
    for start in range(0, len(rows), height):
        yield rows[start : start + height]
