"""Differences of access rules: what each type may do to each other one, where two policies do not say the same.

Written out for all types, the rules of a policy are some millions, of which most are the same in two policies that are
worth comparing. So a source is only written out where rules about it and a class are not the same in both policies, and
with all other sources only the targets are that are in other sets than before.

This module imports numpy; only who compares rules imports it.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from selbox.analysis.catalogue import Catalogue
from selbox.analysis.differences.numbering import Numbering
from selbox.model.bitset import members
from selbox.model.rules import RuleKind
from selbox.typing import Final, NamedTuple

Keys = NDArray[np.int64]
"""Several numbers packed into one, or numbers that are about to be packed."""

Numbers = NDArray[np.int32]
"""Numbers of :class:`Numbering`."""

Vectors = NDArray[np.uint64]
"""Access vectors, by the bits of :attr:`Numbering.permissions`, which may be more than one policy can have."""

Truths = NDArray[np.bool_]

_CELLS_AT_ONCE: Final = 1 << 19
"""Places that are worked on together, so few that their arrays stay near the processor; those of a source and class are
never parted."""


_MARKS_AT_ONCE: Final = 1 << 24
"""Classes and sources that are marked together, a byte for each."""


class AccessRules(NamedTuple):
    """What access rules of one kind say in two policies, an entry for each class, source, branch and target.

    Entries of a class, source and branch follow each other.

    Attributes:
        branch, object_class, source, target: numbers of :class:`Numbering`.
        left, right: what each policy says there, in a branch beyond what always holds; 0 where it says nothing.
    """

    branch: Numbers
    object_class: Numbers
    source: Numbers
    target: Numbers
    left: Vectors
    right: Vectors

    def select(self, rows: Truths | Keys) -> "AccessRules":
        """Return some of the entries."""
        return AccessRules._make(each[rows] for each in self)


NOTHING: Final = AccessRules._make(np.zeros(0, dtype) for dtype in (*[np.int32] * 4, np.uint64, np.uint64))
"""No entries."""


class _Rules(NamedTuple):
    """Rules of one kind of both policies.

    Attributes:
        side: 0 for the left policy, 1 for the right one.
        object_class, branch: numbers.
        source, target: numbers of sets of types.
        vector: what a rule says.
    """

    side: Keys
    object_class: Keys
    branch: Keys
    source: Keys
    target: Keys
    vector: Vectors

    def select(self, rows: Truths | Keys | slice) -> "_Rules":
        """Return some of the rules."""
        return _Rules._make(each[rows] for each in self)


class _Rows(NamedTuple):
    """Rules written out for their sources.

    Attributes:
        place: class and source, as they are packed for a batch; ascending.
        branch: number.
        side: as in :class:`_Rules`.
        target: number of a list of targets.
        vector: what a rule says.
    """

    place: Keys
    branch: Keys
    side: Keys
    target: Keys
    vector: Vectors

    def select(self, rows: slice) -> "_Rows":
        """Return some of the rows."""
        return _Rows._make(each[rows] for each in self)


class _Lists:
    """The types of sets, one list after the other.

    Args:
        sets: the sets, as bitsets.

    Attributes:
        counts: for each set, how many types it has.
    """

    def __init__(self, sets: Sequence[int]) -> None:
        self.counts: Keys = np.array([each.bit_count() for each in sets], dtype=np.int64)
        self._starts: Keys = np.cumsum(self.counts) - self.counts
        types = (number for each in sets for number in members(each))
        self._types: Keys = np.fromiter(types, dtype=np.int64, count=int(self.counts.sum()))

    def written_out(self, numbers: Keys) -> tuple[Keys, Keys]:
        """Return the types of some sets, and beside each the place of its set among these."""
        counts = self.counts[numbers]
        rows = np.repeat(np.arange(len(numbers)), counts)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        return self._types[self._starts[numbers][rows] + within], rows


class AccessComparison:
    """Compares access rules of two policies.

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
        self._branches = len(numbering.branches)
        self._has_moved = np.zeros(self._types, dtype=bool)
        self._has_moved[list(members(numbering.moved))] = True
        # The second half of the lists is for sources whose rules are the same but for types that have moved.
        self._sets = len(numbering.sets)
        self._lists = _Lists([*numbering.sets, *(each & numbering.moved for each in numbering.sets)])

    def differences(self, kind: RuleKind) -> AccessRules:
        """Compare the rules of one kind, and return where the policies differ; rules that always hold come first.

        Source: ``setools/diff/terules.py``: rules are written out for types, permissions of several rules are united,
        and what a conditional rule repeats of what always holds is left out.
        """
        always, conditional = [NOTHING], [NOTHING]
        for found in self.said(kind, whole=False):
            always.append(found.select(found.branch == 0))
            conditional.append(found.select(found.branch != 0))
        return AccessRules(*map(np.concatenate, zip(*always, *conditional, strict=True)))

    def said(self, kind: RuleKind, *, whole: bool) -> Iterator[AccessRules]:
        """Yield what the rules of one kind say, many places at a time.

        Args:
            kind: of the rules.
            whole: everywhere; else where the policies differ.
        """
        rules = self._rules(kind)
        differing = None if whole else self._differing_sources(rules)
        for batch in self._batches(rules):
            first = int(batch.object_class[0])
            for part in self._parts(self._rows(batch, first, differing)):
                found = self._united(part, first)
                yield found if whole else found.select(found.left != found.right)

    def _rules(self, kind: RuleKind) -> _Rules:
        """Return the rules of a kind, ascending by their classes."""
        both = [self._rules_of(side, kind) for side in (0, 1)]
        rules = _Rules(*map(np.concatenate, zip(*both, strict=True)))
        return rules.select(np.argsort(rules.object_class, kind="stable"))

    def _rules_of(self, side: int, kind: RuleKind) -> _Rules:
        numbering, columns = self._numbering, self._catalogues[side].rules
        rows = np.flatnonzero(np.frombuffer(columns.kind, dtype=np.uint8) == kind)
        branches = np.array(numbering.branches_of[side], dtype=np.int64)
        if self._active is not None:
            holds = np.array(self._active[side], dtype=bool)
            rows = rows[holds[np.frombuffer(columns.condition, dtype=np.uint32)[rows]]]
            branches[:] = 0
        source, target, object_class, data, condition = (
            np.frombuffer(each, dtype=np.uint32)[rows].astype(np.int64) for each in columns[1:6]
        )
        sets = np.array(numbering.sets_of[side], dtype=np.int64)
        classes = np.array(numbering.classes_of[side], dtype=np.int64)
        vectors = with_common_bits(numbering, side, object_class, data.astype(np.uint64))
        sides = np.full(len(rows), side, dtype=np.int64)
        return _Rules(sides, classes[object_class], branches[condition], sets[source], sets[target], vectors)

    def _differing_sources(self, rules: _Rules) -> Keys:
        """Return about which classes and sources the policies have different rules, but for types that have moved.

        Returns:
            A class and a source in one number, ascending.
        """
        unmoved, numbers = _without(self._numbering.sets, self._numbering.moved)
        source, target = numbers[rules.source], numbers[rules.target]
        some = np.flatnonzero((source >= 0) & (target >= 0))
        if not len(some):
            return some
        rules, source, target = rules.select(some), source[some], target[some]
        subject = rules.object_class * self._branches + rules.branch
        keys = ((subject * len(unmoved) + source) * len(unmoved) + target) * 2 + rules.side
        order = np.argsort(keys)
        entries, said = _joined(keys[order], rules.vector[order])
        alone = entries[_unpaired(entries, said)] // 2 // len(unmoved)
        subject, source = np.divmod(_distinct(alone), len(unmoved))
        types, rows = _Lists(unmoved).written_out(source)
        return _distinct(subject[rows] // self._branches * self._types + types)

    def _batches(self, rules: _Rules) -> Iterator[_Rules]:
        """Yield the rules of so many classes that there are not too many sources."""
        sources = np.cumsum(self._lists.counts[rules.source])
        starts = _starts(rules.object_class).tolist()
        begun = before = 0
        for start, end in pairwise([*starts, len(sources)]):
            marks = int(rules.object_class[start] - rules.object_class[begun] + 1) * self._types
            if start > begun and (sources[end - 1] - before > _CELLS_AT_ONCE or marks > _MARKS_AT_ONCE):
                yield rules.select(slice(begun, start))
                begun, before = start, int(sources[start - 1])
        if len(sources):
            yield rules.select(slice(begun, len(sources)))

    def _rows(self, rules: _Rules, first: int, differing: Keys | None) -> _Rows:
        """Write out the sources of rules of some classes.

        Args:
            rules: the rules.
            first: the first of the classes.
            differing: classes and sources whose targets are all written out, of others those that have moved; None
                stands for everything.
        """
        source, rows = self._lists.written_out(rules.source)
        place = (rules.object_class[rows] - first) * self._types + source
        target = rules.target[rows]
        if differing is not None:
            last = int(rules.object_class[-1])
            is_whole = np.tile(self._has_moved, last - first + 1)
            start, end = np.searchsorted(differing, [first * self._types, (last + 1) * self._types])
            is_whole[differing[start:end] - first * self._types] = True
            target = np.where(is_whole[place], target, target + self._sets)
        some = np.flatnonzero(self._lists.counts[target])
        some = some[np.argsort(place[some])]
        rows = rows[some]
        return _Rows(place[some], rules.branch[rows], rules.side[rows], target[some], rules.vector[rows])

    def _parts(self, rows: _Rows) -> Iterator[_Rows]:
        """Yield the rows of so many classes and sources that not too much is written out at once."""
        cells = np.cumsum(self._lists.counts[rows.target])
        starts = _starts(rows.place)
        begun = 0
        while begun < len(cells):
            before = cells[begun - 1] if begun else 0
            after = starts[starts > max(begun, int(np.searchsorted(cells, before + _CELLS_AT_ONCE)))]
            end = int(after[0]) if len(after) else len(cells)
            yield rows.select(slice(begun, end))
            begun = end

    def _united(self, rows: _Rows, first: int) -> AccessRules:
        """Write out the targets of rows, unite what several rules say, and bring both policies together."""
        subjects, subject = np.unique(rows.place * self._branches + rows.branch, return_inverse=True)
        vectors, vector = np.unique(rows.vector, return_inverse=True)
        bits = len(vectors).bit_length()
        target, row = self._lists.written_out(rows.target)
        # Sorting integers that have everything in them is several times as quick as sorting something by keys.
        keys = ((subject * (2 * self._types) + rows.side) << bits | vector)[row]
        keys += target << bits + 1
        keys.sort()
        entries, said = _joined(keys >> bits, vectors[keys & (1 << bits) - 1])
        if self._branches > 1:
            said = self._beyond(entries, said, subjects)
        starts = _starts(entries >> 1)
        nth = np.zeros(len(entries), dtype=np.int64)
        nth[starts[1:]] = 1
        np.cumsum(nth, out=nth)
        sides = np.zeros((2, len(starts)), dtype=np.uint64)
        sides[entries & 1, nth] = said
        subject, target = np.divmod(entries[starts] >> 1, self._types)
        place, branch = np.divmod(subjects, self._branches)
        columns = branch[subject], place[subject] // self._types + first, place[subject] % self._types, target
        return AccessRules._make((*(each.astype(np.int32) for each in columns), *sides))

    def _beyond(self, entries: Keys, said: Vectors, subjects: Keys) -> Vectors:
        """Return what is said, and of what is said in a branch what it says beyond what always holds.

        Args:
            entries: a subject, a target and a side in one number, ascending.
            said: what is said there.
            subjects: by number, a class, source and branch in one number, ascending.
        """
        subject = entries // (2 * self._types)
        rows = np.flatnonzero(subjects[subject] % self._branches)
        if not len(rows):
            return said
        subject = subject[rows]
        always = subjects[subject] // self._branches * self._branches
        number = np.minimum(np.searchsorted(subjects, always), len(subjects) - 1)
        wanted = entries[rows] + (number - subject) * (2 * self._types)
        places = np.minimum(np.searchsorted(entries, wanted), len(entries) - 1)
        is_there = (subjects[number] == always) & (entries[places] == wanted)
        said = said.copy()
        said[rows] &= ~np.where(is_there, said[places], np.uint64(0))
        return said


def with_common_bits(numbering: Numbering, side: int, classes: Keys, vectors: Vectors) -> Vectors:
    """Return access vectors by the bits that both policies have in common.

    Args:
        numbering: of both policies.
        side: which of them the vectors are of.
        classes: ids of the classes.
        vectors: the vectors.
    """
    result = vectors.copy()
    for object_class, bits in enumerate(numbering.permissions_of[side]):
        if bits != [*range(len(bits))]:
            rows = np.flatnonzero(classes == object_class)
            moved = np.zeros(len(rows), dtype=np.uint64)
            for own, common in enumerate(bits):
                moved |= (vectors[rows] >> np.uint64(own) & np.uint64(1)) << np.uint64(common)
            result[rows] = moved
    return result


def _starts(keys: Keys) -> Keys:
    """Return where among ascending keys another one begins."""
    is_start = np.ones(len(keys), dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=is_start[1:])
    return np.flatnonzero(is_start)


def _joined(keys: Keys, vectors: Vectors) -> tuple[Keys, Vectors]:
    """Return ascending keys, each once, and the vectors of those that are the same united."""
    starts = _starts(keys)
    if len(starts) == len(keys):
        return keys, vectors
    return keys[starts], np.bitwise_or.reduceat(vectors, starts)


def _distinct(keys: Keys) -> Keys:
    """Return keys in ascending order, each once; by sorting, which is quicker here than :func:`numpy.unique`."""
    keys = np.sort(keys)
    return keys[_starts(keys)]


def _without(sets: Sequence[int], left_out: int) -> tuple[list[int], Keys]:
    """Return the rests of sets without some types, and for each set the number of its rest; -1 for an empty one."""
    numbers: dict[int, int] = {}
    rests = [each & ~left_out for each in sets]
    number_of = np.array([numbers.setdefault(each, len(numbers)) if each else -1 for each in rests], dtype=np.int64)
    return list(numbers), number_of


def _unpaired(keys: Keys, vectors: Vectors) -> Truths:
    """Tell for ascending keys, which are even for one side and odd for the other, whether the other says the same."""
    is_first = ((keys[1:] ^ keys[:-1]) == 1) & (keys[1:] & 1 == 1) & (vectors[1:] == vectors[:-1])
    result = np.ones(len(keys), dtype=bool)
    result[1:] &= ~is_first
    result[:-1] &= ~is_first
    return result
