"""Puts together what an earlier compilation left and statements that were read again: types and access rules."""

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from functools import cache, cached_property

from selbox.compiler.attributes import GENERATED
from selbox.compiler.baseline import Baseline
from selbox.compiler.namespace import LATER, Place, Symbol
from selbox.compiler.options import DEFAULT_EXPAND_SIZE
from selbox.compiler.orders import GENERATED_ATTRIBUTE
from selbox.compiler.rereading import GiveUpError, Gone, Passage, Reread
from selbox.compiler.targets import NOT_SELF, SELF
from selbox.model.bitset import members
from selbox.typing import Final, NamedTuple

Row = tuple[int, int, int, int, int, int]
"""Kind, source, target, class, data and branch of an access rule."""

Triple = tuple[int, int, int]
"""Source, target and class."""

Order = tuple[int, tuple[int, ...]]
"""What statements sort by: twice a place of the baseline, and one more for what stood there already; then how they
stand there among one another."""


_LAST_OFFSET: Final = 0xFFFF_FFFF


class Parts(NamedTuple):
    """What a renewal is made of.

    Attributes:
        baseline: what an earlier compilation left.
        reread: statements that were read again.
        passages: where these stand.
        gone: tells which places of the baseline hold no longer.
        ranges: these places, from and up to.
    """

    baseline: Baseline
    reread: Reread
    passages: Sequence[Passage]
    gone: Gone
    ranges: Sequence[tuple[int, int]]

    def order(self, place: Place, *numbers: int) -> Order:
        """Return what a statement that was read again sorts by."""
        return 2 * self.place(place), numbers

    def place(self, place: Place) -> int:
        """Return where a statement that was read again stands among those that were not, as their places."""
        at = self.passages[place.path[0]].place
        # What a `tunableif` brings in is met behind all else that stands around it.
        is_last = len(place.path) > 1 and place.path[1] >= LATER
        return at | _LAST_OFFSET if is_last else at

    def order_of(self, origin: int) -> Order:
        """Return what the statement of an origin sorts by: where a reader of the expanded policy meets it."""
        origins = self.reread.resolution.origins
        passage, *position = origins.position(origin)
        # What is met behind all else comes in the order in which it was chosen, whichever passage it stands in.
        behind_all = position[0] >= LATER
        return self.order(origins.places[origin - 1], *position if behind_all else (passage, *position))


def declaration_order(parts: Parts, places: Iterable[int], declared: Sequence[Symbol]) -> list[int]:
    """Return the ids of what is declared, in the order of the declarations.

    Args:
        parts: what a policy is put together from.
        places: of what was declared, by id.
        declared: what has been read again, in order.
    """
    again = {symbol.id for symbol in declared}
    ordered: list[tuple[int, tuple[int, ...], int]] = [
        (2 * place + 1, (), number)
        for number, place in enumerate(places)
        if number not in again and not parts.gone(place)
    ]
    ordered += [(*parts.order(symbol.place, index), symbol.id) for index, symbol in enumerate(declared)]
    ordered.sort()
    return [number for _, _, number in ordered]


class Added(NamedTuple):
    """An access rule that has come.

    Attributes:
        before: the row of the baseline that it comes before.
        order: of its statement.
        row: the rule.
        origin: the number of its statement among those that were read again; 0 for another, which is for one type more.
    """

    before: int
    order: Order
    row: Row
    origin: int = 0


class Types:
    """Types and attributes after a change.

    Attributes:
        flags: for each id whether it is an attribute.
        universe_changes: whether types have come or gone.
        order: ids of what is declared, in the order of the declarations.
        rank: where each id stands in that order; -1 for what is not declared.
        bits: types by the id of an attribute that is declared.
        changed: types that have come to attributes that were there, and gone from them, where there are such.
    """

    def __init__(self, parts: Parts) -> None:
        names, groups = parts.reread.names, parts.baseline.groups
        program = parts.reread.program
        self.flags = names.flags
        self.universe_changes = names.universe_changes
        places = array("Q")
        places.frombytes(parts.baseline.names.type_places)
        self.order = declaration_order(parts, places, program.declared("type", "typeattribute"))
        self.rank = [-1] * len(names.types)
        for rank, number in enumerate(self.order):
            self.rank[number] = rank
        types = parts.reread.resolution.identities.types
        self.bits: dict[int, int] = {}
        self.changed: dict[int, tuple[int, int]] = {}
        for number in self.order:
            if not self.flags[number]:
                continue
            earlier = groups.bits.get(number)
            if names.types[number] == GENERATED_ATTRIBUTE:
                bits = 0
            elif earlier is not None and number not in names.again:
                bits = earlier
            else:
                bits = types.bits(names.symbol_of(number))
            self.bits[number] = bits
            if earlier is not None and bits != earlier:
                self.changed[number] = bits & ~earlier, earlier & ~bits

    def of(self, number: int) -> int:
        """Return the types that an id stands for."""
        return self.bits[number] if self.flags[number] else 1 << number


class Rules:
    """The access rules after a change.

    Args:
        parts: what the policy is put together from.
        types: its types.
        further: how many other rules name types and attributes.

    Attributes:
        removed: rows that are no more.
        added: those that have come.
    """

    def __init__(self, parts: Parts, types: Types, further: "Counter[int]") -> None:
        self._parts = parts
        self._types = types
        self._further = further
        rows = parts.baseline.rules
        self.kind = rows.kind
        self.source = _column("H", rows.source)
        self.target = _column("H", rows.target)
        self.object_class = _column("H", rows.object_class)
        self.data = _column("I", rows.data)
        self.branch = _column("H", rows.branch)
        self._offset = _column("I", rows.offset)
        self.removed: set[int] = set()
        self.added: list[Added] = []
        for start, end in parts.ranges:
            self.removed.update(range(self._row_at(start), self._row_at(end)))
        self._take_reread()
        self._take_own()

    def _row_at(self, place: int) -> int:
        """Return the first row of what stands at a place or behind it."""
        source, offset = place >> 32, place & 0xFFFF_FFFF
        first = self._parts.baseline.rules.first
        if source + 1 >= len(first):
            return len(self._offset)
        return bisect_left(self._offset, offset, first[source], first[source + 1])

    def place(self, row: int) -> int:
        """Return the place of a row's statement."""
        source = bisect_right(self._parts.baseline.rules.first, row) - 1
        return source << 32 | self._offset[row]

    def row(self, row: int) -> Row:
        """Return a row of the baseline."""
        ends = self.source[row], self.target[row]
        return self.kind[row], *ends, self.object_class[row], self.data[row], self.branch[row]

    def _take_reread(self) -> None:
        parts = self._parts
        resolution = parts.reread.resolution
        rows = resolution.rules.access.rules
        branches = 2 * len(parts.baseline.rules.conditionals)
        row_at = cache(self._row_at)
        order_of = cache(parts.order_of)
        places = resolution.origins.places
        for row in range(resolution.rules.access_rows):
            kind, source, target, class_id, data, branch, origin = (
                rows.kind[row],
                rows.source[row],
                rows.target[row],
                rows.object_class[row],
                rows.data[row],
                rows.condition[row],
                rows.origin[row],
            )
            row_now = (kind, source, target, class_id, data, branch + branches if branch else 0)
            before = row_at(parts.place(places[origin - 1]))
            self.added.append(Added(before, order_of(origin), row_now, origin))

    def _take_own(self) -> None:
        """Follow rules of attributes whose target depends on the source."""
        types = self._types
        for kind, source, special, vectors, branch, place in self._parts.baseline.rules.own:
            if self._parts.gone(place):
                continue
            if special == NOT_SELF and types.universe_changes:
                raise GiveUpError
            if source not in types.changed:
                continue
            if special != SELF:
                raise GiveUpError
            came, went = types.changed[source]
            first = self._row_at(place)
            end = self._row_at(place + 1)
            if branch:  # their order counts: all of them are written out again
                self.removed.update(range(first, end))
                came = types.bits[source]
            self.removed.update(row for row in range(first, end) if went >> self.source[row] & 1)
            for each in members(came):
                self.added += [
                    Added(first, (2 * place + 1, ()), (kind, each, each, class_id, data, branch))
                    for class_id, data in vectors
                ]

    @cached_property
    def uses(self) -> "Counter[int]":
        """How many rules name each attribute."""
        uses = Counter(self._parts.baseline.rules.uses) + self._further
        for row in self.removed:
            uses.subtract((self.source[row], self.target[row]))
        for _, _, (_, source, target, *_), _ in self.added:
            uses.update((source, target))
        return uses

    @cached_property
    def kept(self) -> frozenset[int]:
        """The ids of the attributes that stay in the policy.

        Source: as in :mod:`selbox.compiler.attributes`.
        """
        groups = self._parts.baseline.groups
        names = self._parts.reread.names.types
        kept = set()
        for number, bits in self._types.bits.items():
            in_rules, in_assertions = self.uses[number] > 0, number in groups.asserted
            is_generated = GENERATED in names[number] or names[number] == GENERATED_ATTRIBUTE
            if number in groups.expand:
                stays = not groups.expand[number]
                if in_rules and bits and not stays:
                    raise GiveUpError  # rules name its types
            elif number in groups.constrained:
                stays = True
            elif in_rules:
                stays = in_assertions or bits.bit_count() >= DEFAULT_EXPAND_SIZE
            else:
                stays = in_assertions and not is_generated
            if stays:
                kept.add(number)
        return frozenset(kept)

    def affected(self) -> set[Triple]:
        """Return the sources, targets and classes of unconditional rules that have come, gone, or begin to count."""
        found: set[Triple] = set()
        for row in self.removed:
            if not self.branch[row]:
                found.add((self.source[row], self.target[row], self.object_class[row]))
        found.update(each.row[1:4] for each in self.added if not each.row[5])
        for row in self.turned:
            if not self.branch[row]:
                found.add((self.source[row], self.target[row], self.object_class[row]))
        return found

    @cached_property
    def turned(self) -> list[int]:
        """Rows that name attributes which were in the policy and are not, or the other way round."""
        table = self._parts.baseline.written.types
        earlier = self._parts.baseline.groups.bits
        turned = {
            number
            for number in self._types.bits.keys() & self._parts.baseline.rules.uses.keys()
            if self._counts(number) != (number < table and earlier[number] != 0)
        }
        if not turned:
            return []
        pairs = zip(self.source, self.target, strict=True)
        return [row for row, pair in enumerate(pairs) if not turned.isdisjoint(pair)]

    def counts(self, source: int, target: int) -> bool:
        """Tell whether rules of a source and target have entries of their own."""
        return self._counts(source) and self._counts(target)

    def _counts(self, number: int) -> bool:
        return not self._types.flags[number] or (number in self.kept and self._types.bits[number] != 0)

    def chains(self, triples: Iterable[Triple]) -> Iterator[tuple[Triple, list[tuple[int, int]]]]:
        """Yield the merged unconditional rules of sources, targets and classes: kinds and data in their order."""
        rows = self._parts.baseline.rules
        known = _column("Q", rows.triples)
        firsts = _column("I", rows.triple_first)
        by_triple = _column("I", rows.triple_rows)
        added: dict[Triple, list[tuple[int, Order, int, int]]] = {}
        for before, place, (kind, source, target, class_id, data, branch), _ in self.added:
            if not branch:
                added.setdefault((source, target, class_id), []).append((2 * before, place, kind, data))
        for triple in triples:
            source, target, class_id = triple
            if not self.counts(source, target):
                yield triple, []
                continue
            key = source << 32 | target << 16 | class_id
            index = bisect_left(known, key)
            here = by_triple[firsts[index] : firsts[index + 1]] if index < len(known) and known[index] == key else ()
            # New rows come before the row at which their passage ends; the sort leaves their own order alone.
            merged: dict[int, int] = {}
            found: list[tuple[int, Order, int, int]] = [
                (2 * row + 1, (0, ()), self.kind[row], self.data[row]) for row in here if row not in self.removed
            ]
            found += added.get(triple, ())
            found.sort(key=lambda each: each[:2])
            for _, _, kind, data in found:
                merged[kind] = merged.get(kind, 0) | data
            yield triple, list(merged.items())

    def changed_branches(self) -> set[int]:
        """Return the branches of statements in which a rule has come, gone, or begins to count."""
        changed = {self.branch[row] for row in self.removed} | {self.branch[row] for row in self.turned}
        return changed | {each.row[5] for each in self.added}

    def conditional(self, branches: Set[int]) -> Iterator[Row]:
        """Yield the rules of some branches of statements that have entries of their own, in their order."""
        rows: list[tuple[int, Order, Row]] = [
            (
                2 * row + 1,
                (0, ()),
                self.row(row),
            )
            for row in _column("I", self._parts.baseline.rules.conditional)
            if self.branch[row] in branches and row not in self.removed
        ]
        rows += [(2 * each.before, each.order, each.row) for each in self.added if each.row[5] in branches]
        # A rule of an attribute whose target depends on the source has a row for each type, in the order of the types.
        rank = self._types.rank
        rows.sort(key=lambda each: (*each[:2], rank[each[2][1]], rank[each[2][2]]))
        for _, _, row in rows:
            if self.counts(row[1], row[2]):
                yield row

    @property
    def conditional_changes(self) -> bool:
        """Whether a conditional rule has come, gone, or begins to count."""
        return (
            any(self.branch[row] for row in self.removed)
            or any(each.row[5] for each in self.added)
            or any(self.branch[row] for row in self.turned)
        )


def _column(code: str, content: bytes) -> "array[int]":
    column: array[int] = array(code)
    column.frombytes(content)
    return column
