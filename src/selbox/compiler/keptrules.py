"""The rules of a compilation, as the next one can start from them."""

from collections.abc import Iterator

import numpy as np

from selbox.compiler import rowarrays
from selbox.compiler.baseline import Assertions, RuleRows
from selbox.compiler.conditions import unite
from selbox.compiler.keptids import KeptIds, NotKeptError, plain_range
from selbox.compiler.orders import GENERATED_ATTRIBUTE
from selbox.compiler.rowarrays import row_arrays
from selbox.compiler.targets import LOWEST_SPECIAL, SELF, SPECIAL
from selbox.model.origin import OriginTable
from selbox.model.rules import ACCESS_KINDS, RuleKind
from selbox.typing import Any


class KeptRules:
    """Makes the rows of a baseline.

    Args:
        kept: the ids that they are to have.
        sources: how many sources there are.
    """

    def __init__(self, kept: KeptIds, sources: int) -> None:
        self._kept = kept
        self._sources = sources
        self._ids = kept.ids
        self._policy = kept.policy
        self._resolution = kept.resolution
        self._program = kept.resolution.program

    def rows(self) -> RuleRows:
        """Return the rows.

        Raises:
            NotKeptError: there are rules that the next compilation could not follow.
        """
        resolution = self._resolution
        tables = resolution.rules
        rows = tables.access.rules
        count = tables.access_rows
        ids, place = self._ids, self._kept.origin_place
        table = self._policy.origins
        if not isinstance(table, OriginTable):
            raise NotKeptError
        arrays = row_arrays(rows, count, self._kept, table)
        if arrays is None:
            raise NotKeptError
        uses = rowarrays.uses(arrays)
        if any(each in uses for name, each in self._kept.dropped.items() if self._filled(name)):
            raise NotKeptError  # they are written out in rules
        triples, firsts, by_triple = rowarrays.by_triple(arrays)
        places = [index << 32 for index in range(self._sources + 3)]
        first_rows = tuple(arrays.place.searchsorted(np.array(places, np.uint64)).tolist())
        assertions = self._assertions()
        return RuleRows(
            first=first_rows,
            kind=arrays.kind.tobytes(),
            source=arrays.source.tobytes(),
            target=arrays.target.tobytes(),
            object_class=arrays.object_class.tobytes(),
            data=arrays.data.tobytes(),
            branch=arrays.branch.tobytes(),
            offset=arrays.place.astype(np.uint32).tobytes(),
            triples=triples.tobytes(),
            triple_first=firsts.tobytes(),
            triple_rows=by_triple.tobytes(),
            uses={each: number for each, number in uses.items() if self._kept.by_id[each].flavour == "typeattribute"},
            own=tuple(self._own()),
            conditional=np.flatnonzero(arrays.branch).astype(np.uint32).tobytes(),
            extended=tuple(self._extended()),
            forbidden=rowarrays.forbidden(arrays, _united(assertions)).tobytes(),
            assertions=assertions,
            type_rules=tuple(
                (
                    rows.kind[row],
                    ids[rows.source[row]],
                    ids[rows.target[row]],
                    rows.object_class[row],
                    ids[rows.data[row]],
                    self._kept.origin_branch(rows.origin[row]),
                    place(rows.origin[row]),
                )
                for row in range(count, len(rows))
                if rows.target[row] < LOWEST_SPECIAL  # the source of others is an attribute without types
            ),
            settled=tuple(self._settled()),
            named=tuple(
                (
                    ids[each.source],
                    ids[each.target],
                    each.object_class,
                    each.name,
                    ids[each.result],
                    place(each.origin),
                )
                for each in tables.named_transitions
            ),
            ranged=tuple(
                (
                    ids[each.source],
                    ids[each.target],
                    each.object_class,
                    each.range,
                    place(each.origin),
                )
                for each in tables.range_transitions
            ),
            ranges=tuple(plain_range(each) for each in tables.ranges),
            role_transitions=tuple(
                (each.source, ids[each.target], each.object_class, each.result) for each in tables.role_transitions
            ),
            role_rules=tuple(
                (source.name, target.name if class_id < 0 else ids[target.id], class_id, result, place(origin))
                for source, target, class_id, result, origin in tables.role_rules
            ),
            settled_named=tuple(each[:5] for each in self._policy.named_transitions),
            settled_ranged=tuple(each[:4] for each in self._policy.range_transitions),
            settled_roles=tuple(each[:4] for each in self._policy.role_transitions),
            own_transitions=frozenset(self._own_transitions()),
            conditionals=tuple(self._conditionals()),
            branch_numbers=tuple(self._branch_numbers()),
            is_tolerant=self._kept.is_warned_of("cil-conflicting-transition"),
        )

    def _filled(self, name: str) -> bool:
        symbol = self._program.root.own("type", name)
        return symbol is not None and self._resolution.identities.types.bits(symbol) != 0

    def _extended(self) -> Iterator[tuple[Any, ...]]:
        """Yield the extended rules."""
        names = self._kept.by_id
        for each in self._resolution.extended.statements:
            ends = self._ids[each.source], each.target
            if each.target < LOWEST_SPECIAL:
                ends = self._ids[each.source], self._ids[each.target]
                if any(names[end].name in self._kept.dropped and self._filled(names[end].name) for end in ends):
                    raise NotKeptError  # they are written out
            place = self._kept.origin_place(each.origin)
            yield int(each.kind), *ends, each.object_class, each.permission, each.numbers, place

    def _own(self) -> Iterator[tuple[int, int, int, tuple[tuple[int, int], ...], int, int]]:
        """Yield the rules of attributes whose target depends on the source."""
        names = self._program.root.tables.get("type", {})
        special = {word: value for word, value in SPECIAL.items() if word == "self" or word not in names}
        for form, place in self._resolution.rules.access.special:
            source = self._program.resolve("type", form, place, 1)
            if source.flavour == "type" and special.get(str(form[2])) == SELF:
                continue
            if self._kept.place_of(form, place) == self._kept.beyond:
                continue
            if source.name == GENERATED_ATTRIBUTE:
                raise NotKeptError
            vectors = self._resolution.classes.vectors(form, place, 3)
            kind = {"allow": RuleKind.ALLOW, "auditallow": RuleKind.AUDITALLOW, "dontaudit": RuleKind.DONTAUDIT}[
                form.keyword
            ]
            yield (
                int(kind),
                self._ids[source.id],
                special[str(form[2])],
                vectors,
                place.branch,
                self._kept.place_of(form, place),
            )

    def _own_transitions(self) -> Iterator[int]:
        for form, place in self._program.live("typetransition"):
            if form[2] == "self":
                source = self._program.resolve("type", form, place, 1)
                if source.name == GENERATED_ATTRIBUTE:
                    raise NotKeptError
                if source.flavour != "type":
                    yield self._ids[source.id]

    def _settled(self) -> Iterator[tuple[int, ...]]:
        rules = self._policy.rules
        first = next((row for row, kind in enumerate(rules.kind) if kind not in ACCESS_KINDS), len(rules))
        for row in range(first, len(rules)):
            if rules.kind[row] in ACCESS_KINDS:
                raise NotKeptError
            yield (
                rules.kind[row],
                rules.source[row],
                rules.target[row],
                rules.object_class[row],
                rules.data[row],
                rules.condition[row],
            )

    def _conditionals(self) -> Iterator[tuple[tuple[int | str, ...], int] | None]:
        for index, (form, place) in enumerate(self._program.conditionals):
            conditional = self._resolution.conditionals.get(index)
            if conditional is None:
                yield None
                continue
            yield (
                tuple(term if isinstance(term, int) else term.value for term in conditional.expression),
                self._kept.place_of(form, place),
            )

    def _branch_numbers(self) -> Iterator[int]:
        numbers = unite(self._resolution.conditionals, self._program.conditional_orders).numbers
        for branch in range(2 * len(self._program.conditionals) + 1):
            yield numbers.get(branch, 0)

    def _assertions(self) -> Assertions:
        if self._program.options.disable_neverallow:
            return ()
        return tuple(
            (
                self._ids[each.source.id],
                each.target if isinstance(each.target, int) else self._ids[each.target.id],
                each.vectors,
                self._kept.place_of(each.form, each.place),
            )
            for each in self._resolution.rules.neverallows
        )


def _united(assertions: Assertions) -> dict[int, int]:
    """Return all that assertions are about, by class."""
    vectors: dict[int, int] = {}
    for _, _, each, _ in assertions:
        for class_id, vector in each:
            vectors[class_id] = vectors.get(class_id, 0) | vector
    return vectors
