"""Takes from a compilation what the next one can start from: makes a :class:`Baseline`."""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from selbox.binary.kernel.classes import classes_pieces
from selbox.binary.kernel.relinked import names_in_order
from selbox.binary.kernel.versions import layout_of
from selbox.compiler import labelorder as order
from selbox.compiler import rowarrays
from selbox.compiler.attributes import Uses, uses_of
from selbox.compiler.baseline import (
    FOLLOWED,
    Baseline,
    Groups,
    Labels,
    Names,
    RoleTerm,
    RuleRows,
    Term,
    Written,
)
from selbox.compiler.conditions import unite
from selbox.compiler.namespace import NAME_TABLES, Place, Symbol
from selbox.compiler.options import DEFAULTS
from selbox.compiler.orders import GENERATED_ATTRIBUTE
from selbox.compiler.program import OBJECT_ROLE
from selbox.compiler.resolution import Resolution
from selbox.compiler.rowarrays import row_arrays, sorted_entries
from selbox.compiler.sets import SetOperator, SetTerm
from selbox.compiler.targets import LOWEST_SPECIAL, SELF, SPECIAL
from selbox.compiler.text.filecontexts import file_contexts_text
from selbox.diagnostics import Diagnostics
from selbox.language.cil import Form, Tree
from selbox.language.cil.tree import atoms
from selbox.model.bitset import bitset, members
from selbox.model.context import Context
from selbox.model.mls import LevelRange
from selbox.model.origin import OriginTable
from selbox.model.policy import Policy, Target
from selbox.model.rules import ACCESS_KINDS, RuleKind

_READ_FLAVOURS: Final = frozenset(
    {
        "type",
        "typeattribute",
        "typealias",
        "role",
        "roleattribute",
        "user",
        "boolean",
        "class",
        "sensitivity",
        "category",
    }
    | {"common", "sid", "policycap", "optional"}
)


class _NotKeptError(Exception):
    """The policy has what a later compilation could not follow."""


def baseline_of(
    trees: Sequence[Tree], policy: Policy, resolution: Resolution, sections: Mapping[str, bytes], version: int
) -> Baseline | None:
    """Return what to keep of a compilation; None when its policy has what such a later compilation does not know.

    Args:
        trees: all sources.
        policy: what they were compiled to.
        resolution: what it was made from.
        sections: the policy, written.
        version: of the format.
    """
    if not _is_plain(policy, resolution):
        return None
    try:
        return _Keeping(trees, policy, resolution, sections, version).baseline()
    except (_NotKeptError, OverflowError):  # numbers are kept in columns as wide as those of binary policies
        return None


def _is_plain(policy: Policy, resolution: Resolution) -> bool:
    """Tell whether statements have their effect where they stand, and access rules have none but their own."""
    program = resolution.program
    scoped = program.rearranged or any(program.symbols.get(flavour) for flavour in ("block", "macro", "tunable"))
    options = program.options._replace(mls=None, handle_unknown=None, disable_neverallow=False)
    beyond = policy.extended_rules or resolution.extended.statements or resolution.extended.assertions
    bounded = any(resolution.identities.bounds.values())
    is_plain = options == DEFAULTS and policy.target is Target.SELINUX
    return is_plain and not (scoped or beyond or bounded or resolution.denials.statements or resolution.rules.unsaid)


def _place(form: Form, place: Place) -> int:
    return place.path[0] << 32 | form.offset


class _Keeping:
    def __init__(
        self,
        trees: Sequence[Tree],
        policy: Policy,
        resolution: Resolution,
        sections: Mapping[str, bytes],
        version: int,
    ) -> None:
        self._trees = trees
        self._policy = policy
        self._resolution = resolution
        self._sections = sections
        self._version = version
        self._program = resolution.program
        self._symbols = resolution.numbered["type"]
        ids = {each.name: index for index, each in enumerate(policy.types)}
        gone = [each for each in self._symbols if each.name not in ids]
        self._dropped = {each.name: len(ids) + index for index, each in enumerate(gone)}
        ids.update(self._dropped)
        self._ids = [ids[each.name] for each in self._symbols]
        self._by_id = sorted(self._symbols, key=lambda symbol: ids[symbol.name])
        self._bitsets: dict[int, int] = {}
        if any(len(tree.source.text) >> 32 for tree in trees):
            raise _NotKeptError

    def baseline(self) -> Baseline:
        dead, dead_declared = self._dead()
        return Baseline(
            starts=tuple(array("I", [form.offset for form in tree.forms]).tobytes() for tree in self._trees),
            others=self._others().tobytes(),
            dead=dead,
            dead_declared=dead_declared,
            names=self._names(),
            groups=self._groups(),
            rules=self._rules(),
            labels=self._labels(),
            written=self._written(),
        )

    def _others(self) -> "array[int]":
        """Return the places of what is not followed."""
        program = self._program
        places = [
            _place(form, place)
            for keyword in program.statements
            if keyword not in FOLLOWED
            for form, place in program.live(keyword)
        ]
        places += [
            _place(symbol.form, symbol.place)
            for flavour, symbols in program.symbols.items()
            if flavour not in FOLLOWED
            for symbol in symbols
            if symbol.place.path  # a role that is declared nowhere has none
        ]
        places += self._repeated_labels()
        return array("Q", sorted(places))

    def _repeated_labels(self) -> Iterator[int]:
        """Yield the places of labels of what is labelled more than once: only the first of them is in the policy."""
        labelling = self._resolution.labelling
        tables: tuple[tuple[Sequence[Any], Callable[[Any], order.Key]], ...] = (
            (labelling.files, order.file_key),
            (labelling.generic, order.generic_key),
            (labelling.uses, order.use_key),
            (labelling.ports, order.port_key),
            (labelling.nodes, order.node_key),
            (labelling.interfaces, order.interface_key),
        )
        for labels, key in tables:
            keys = list(map(key, labels))
            counts = Counter(keys)
            if len(counts) < len(keys):
                yield from (
                    self._origin_place(label.origin)
                    for label, each in zip(labels, keys, strict=True)
                    if counts[each] > 1
                )

    def _dead(self) -> tuple[dict[str, tuple[int, ...]], frozenset[str]]:
        found: dict[str, dict[int, None]] = {}
        declared: set[str] = set()
        starts: dict[int, list[int]] = {}
        for symbol in self._program.symbols.get("optional", ()):
            content = symbol.content
            if content is None or content.optional is None or content.optional.live:
                continue
            number = symbol.place.path[0]
            if number not in starts:
                starts[number] = [form.offset for form in self._trees[number].forms]
            form = self._trees[number].forms[bisect_left(starts[number], symbol.form.offset + 1) - 1]
            for atom in atoms(symbol.form):
                found.setdefault(atom, {})[number << 32 | form.offset] = None
            declared.update(_declared(symbol.form))
        return {atom: tuple(places) for atom, places in found.items()}, frozenset(declared)

    def _names(self) -> Names:
        program = self._program
        resolution = self._resolution
        root = program.root.tables
        actual_places = {form[1]: _place(form, place) for form, place in program.live("typealiasactual")}
        aliases = program.declared("typealias")
        unread = {
            name for names in root.values() for name, symbol in names.items() if symbol.flavour not in _READ_FLAVOURS
        }
        return Names(
            types=tuple(each.name for each in self._by_id),
            attributes=bytes(each.flavour == "typeattribute" for each in self._by_id),
            type_places=array("Q", [_place(each.form, each.place) for each in self._by_id]).tobytes(),
            aliases=tuple(
                (
                    each.name,
                    self._ids[program.actual(each).id],
                    _place(each.form, each.place),
                    actual_places[each.name],
                )
                for each in aliases
            ),
            roles=tuple(each.name for each in resolution.numbered["role"]),
            users=tuple(each.name for each in resolution.numbered["user"]),
            is_object_role_declared=OBJECT_ROLE in root.get("role", {}),
            role_attributes=tuple(
                (each.name, _place(each.form, each.place)) for each in program.symbols.get("roleattribute", ())
            ),
            booleans=tuple(
                (each.name, each.form[2] == "true", _place(each.form, each.place))
                for each in resolution.numbered["boolean"]
            ),
            classes=tuple(
                (each.name, resolution.classes.layout(each).common, _texts(each.form[2]))
                for each in resolution.numbered["class"]
            ),
            commons={each.name: _texts(each.form[2]) for each in program.symbols.get("common", ())},
            sensitivities=tuple(
                (each.name, resolution.levels.usable_categories(each)) for each in resolution.numbered["sensitivity"]
            ),
            categories=tuple(each.name for each in resolution.numbered["category"]),
            unread=frozenset(unread),
        )

    def _bits(self, old: int) -> int:
        """Return a set of types by their new ids."""
        known = self._bitsets.get(old)
        if known is None:
            known = self._bitsets[old] = bitset(map(self._ids.__getitem__, members(old)))
        return known

    def _term(self, term: SetTerm, ids: Sequence[int]) -> Term:
        if isinstance(term, SetOperator):
            return term.value
        if isinstance(term, int):
            return tuple(ids[each] for each in members(term))
        return ids[term.id]

    def _groups(self) -> Groups:
        identities = self._resolution.identities
        ids = self._ids
        used = uses_of(self._resolution)
        type_sets = []
        for symbol, terms, form, place in identities.type_sets:
            if any(isinstance(term, Symbol) and term.name == GENERATED_ATTRIBUTE for term in terms):
                raise _NotKeptError
            if symbol.name != GENERATED_ATTRIBUTE:
                type_sets.append((ids[symbol.id], _place(form, place), tuple(self._term(term, ids) for term in terms)))
        role_sets = []
        for symbol, terms, form, place in identities.role_sets:
            if symbol.name != GENERATED_ATTRIBUTE:
                role_sets.append((symbol.name, _place(form, place), tuple(map(_role_term, terms))))
        generated = self._program.root.own("type", GENERATED_ATTRIBUTE)
        if generated is not None and self._uses(generated, used):
            raise _NotKeptError
        bits = {
            ids[each.id]: self._bits(identities.types.bits(each))
            for each in self._symbols
            if each.flavour == "typeattribute" and each.name != GENERATED_ATTRIBUTE
        }
        if generated is not None:
            bits[ids[generated.id]] = 0
        fixed = {
            atom
            for keyword in ("userrole", "roleallow", "roletransition")
            for form, _ in self._program.live(keyword)
            for atom in form
            if isinstance(atom, str)
        }
        return Groups(
            type_sets=tuple(type_sets),
            role_sets=tuple(role_sets),
            bits=bits,
            role_statements=tuple(
                (role.name, ids[held.id], _place(form, place)) for role, held, form, place in identities.role_statements
            ),
            role_types={role: self._bits(types) for role, types in identities.role_types.items()},
            user_roles=dict(identities.user_roles),
            user_ranges={user: _plain_range(each) for user, each in identities.user_ranges.items()},
            permissive=tuple(
                (ids[type_id], _place(form, place)) for type_id, form, place in identities.permissive_statements
            ),
            neveraudit=frozenset(ids[each] for each in identities.neveraudit),
            expand={ids[each]: expand for each, expand in identities.expand.items()},
            asserted=frozenset(ids[each] for each in used.assertions),
            constrained=frozenset(ids[each] for each in used.constraints),
            fixed_roles=frozenset(fixed),
            is_loose=self._is_warned_of("cil-object-role"),
        )

    def _uses(self, symbol: Symbol, used: Uses) -> bool:
        """Tell whether a statement uses an attribute for more than to put types into it."""
        tables = self._resolution.rules
        rows = tables.access.rules
        transitions = (*tables.named_transitions, *tables.range_transitions, *tables.role_transitions)
        return (
            any(symbol.id in each for each in used)
            or symbol.id in rows.source[tables.access_rows :]
            or symbol.id in rows.target[tables.access_rows :]
            or any(symbol.id in each[:2] for each in transitions)
            or any(held is symbol for _, held, _, _ in self._resolution.identities.role_statements)
        )

    def _origin_place(self, origin: int) -> int:
        return _place(self._resolution.origins.forms[origin - 1], self._resolution.origins.places[origin - 1])

    def _origin_branch(self, origin: int) -> int:
        return self._resolution.origins.places[origin - 1].branch

    def _rules(self) -> RuleRows:
        resolution = self._resolution
        tables = resolution.rules
        rows = tables.access.rules
        count = tables.access_rows
        ids = self._ids
        table = self._policy.origins
        if not isinstance(table, OriginTable):
            raise _NotKeptError
        arrays = row_arrays(rows, count, ids, resolution.origins, table)
        if arrays is None:
            raise _NotKeptError
        uses = rowarrays.uses(arrays)
        if any(each in uses for name, each in self._dropped.items() if self._filled(name)):
            raise _NotKeptError  # they are written out in rules
        triples, firsts, by_triple = rowarrays.by_triple(arrays)
        places = [index << 32 for index in range(len(self._trees) + 1)]
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
            uses={each: number for each, number in uses.items() if self._by_id[each].flavour == "typeattribute"},
            own=tuple(self._own()),
            conditional=np.flatnonzero(arrays.branch).astype(np.uint32).tobytes(),
            forbidden=rowarrays.forbidden(arrays, _united(assertions)).tobytes(),
            assertions=assertions,
            type_rules=tuple(
                (
                    rows.kind[row],
                    ids[rows.source[row]],
                    ids[rows.target[row]],
                    rows.object_class[row],
                    ids[rows.data[row]],
                    self._origin_branch(rows.origin[row]),
                    self._origin_place(rows.origin[row]),
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
                    self._origin_place(each.origin),
                )
                for each in tables.named_transitions
            ),
            ranged=tuple(
                (ids[each.source], ids[each.target], each.object_class, each.range, self._origin_place(each.origin))
                for each in tables.range_transitions
            ),
            ranges=tuple(_plain_range(each) for each in tables.ranges),
            role_transitions=tuple(
                (each.source, ids[each.target], each.object_class, each.result, self._origin_place(each.origin))
                for each in tables.role_transitions
            ),
            settled_named=tuple(each[:5] for each in self._policy.named_transitions),
            settled_ranged=tuple(each[:4] for each in self._policy.range_transitions),
            settled_roles=tuple(each[:4] for each in self._policy.role_transitions),
            own_transitions=frozenset(self._own_transitions()),
            conditionals=tuple(self._conditionals()),
            branch_numbers=tuple(self._branch_numbers()),
            is_tolerant=self._is_warned_of("cil-conflicting-transition"),
        )

    def _is_warned_of(self, code: str) -> bool:
        return any(each.code == code for each in self._program.diagnostics.warnings)

    def _filled(self, name: str) -> bool:
        symbol = self._program.root.own("type", name)
        return symbol is not None and self._resolution.identities.types.bits(symbol) != 0

    def _own(self) -> Iterator[tuple[int, int, int, tuple[tuple[int, int], ...], int, int]]:
        """Yield the rules of attributes whose target depends on the source."""
        names = self._program.root.tables.get("type", {})
        special = {word: value for word, value in SPECIAL.items() if word == "self" or word not in names}
        for form, place in self._resolution.rules.access.special:
            source = self._program.resolve("type", form, place, 1)
            if source.flavour == "type" and special[str(form[2])] == SELF:
                continue
            if source.name == GENERATED_ATTRIBUTE:
                raise _NotKeptError
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
                _place(form, place),
            )

    def _own_transitions(self) -> Iterator[int]:
        for keyword in ("typetransition", "typechange", "typemember"):
            for form, place in self._program.live(keyword):
                if form[2] == "self":
                    source = self._program.resolve("type", form, place, 1)
                    if source.name == GENERATED_ATTRIBUTE:
                        raise _NotKeptError
                    if source.flavour != "type":
                        yield self._ids[source.id]

    def _settled(self) -> Iterator[tuple[int, ...]]:
        rules = self._policy.rules
        first = next((row for row, kind in enumerate(rules.kind) if kind not in ACCESS_KINDS), len(rules))
        for row in range(first, len(rules)):
            if rules.kind[row] in ACCESS_KINDS:
                raise _NotKeptError
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
                _place(form, place),
            )

    def _branch_numbers(self) -> Iterator[int]:
        numbers = unite(self._resolution.conditionals, self._program.conditional_orders).numbers
        for branch in range(2 * len(self._program.conditionals) + 1):
            yield numbers.get(branch, 0)

    def _assertions(self) -> tuple[tuple[int, int, tuple[tuple[int, int], ...]], ...]:
        if self._program.options.disable_neverallow:
            return ()
        return tuple(
            (
                self._ids[each.source.id],
                each.target if isinstance(each.target, int) else self._ids[each.target.id],
                each.vectors,
            )
            for each in self._resolution.rules.neverallows
        )

    def _labels(self) -> Labels:
        policy = self._policy
        lines = file_contexts_text(policy)
        if lines.count("\n") != len(policy.file_contexts) or any("\t" in each.pattern for each in policy.file_contexts):
            raise _NotKeptError  # lines could not be told apart, or taken apart
        return Labels(
            file_contexts=lines.encode(errors="surrogateescape"),
            file_places=array("Q", [self._origin_place(each.origin) for each in policy.file_contexts]).tobytes(),
            initial_sids=tuple(
                (each.name, None if each.context is None else _plain(each.context)) for each in policy.initial_sids
            ),
            genfs=self._plain_labels(policy.genfs_contexts),
            uses=self._plain_labels(policy.filesystem_uses),
            ports=self._plain_labels(policy.port_contexts),
            nodes=self._plain_labels(policy.node_contexts),
            interfaces=self._plain_labels(policy.interface_contexts),
            infiniband_keys=self._plain_labels(policy.infiniband_keys),
            infiniband_ports=self._plain_labels(policy.infiniband_ports),
            are_patterns="genfs_seclabel_wildcard" in policy.policy_capabilities,
        )

    def _plain_labels(self, labels: Iterable[tuple[Any, ...]]) -> tuple[tuple[Any, ...], ...]:
        """Return labels in plain values, each with its place at the end."""
        return tuple((*map(_plain, each[:-1]), self._origin_place(each[-1])) for each in labels)

    def _written(self) -> Written:
        entries = sorted_entries(self._sections["access vectors"][4:])
        pieces: list[bytes | tuple[int, int, bool]] = []
        for piece in classes_pieces(self._policy, layout_of(self._version, self._policy.target), Diagnostics()):
            if isinstance(piece, bytes):
                pieces.append(piece)
                continue
            if piece.ids != self._united(piece.named) or piece.excluded:
                raise _NotKeptError
            pieces.append((piece.ids, piece.named, piece.are_written))
        order = names_in_order(self._sections["types"])
        return Written(
            dict(self._sections),
            entries,
            order,
            tuple(pieces),
            len(self._policy.types),
            self._version,
            self._policy.mls,
        )

    def _united(self, named: int) -> int:
        united = 0
        for each in members(named):
            united |= self._policy.types[each].types
        return united


def _role_term(term: SetTerm) -> RoleTerm:
    if isinstance(term, SetOperator):
        return term.value
    return tuple(members(term)) if isinstance(term, int) else term.name.encode("utf-8", "surrogateescape")


def _declared(form: Form) -> Iterator[str]:
    """Yield the names that a form declares, at any depth."""
    pending = [form]
    while pending:
        each = pending.pop()
        keyword = each.keyword
        if keyword in NAME_TABLES and keyword != "optional" and len(each) > 1 and isinstance(each[1], str):
            yield each[1]
        pending += [item for item in each if isinstance(item, Form)]


def _texts(form: "Form | str") -> tuple[str, ...]:
    return tuple(each for each in form if isinstance(each, str))


def _plain_range(each: LevelRange) -> tuple[tuple[int, int], tuple[int, int]]:
    return tuple(each.low), tuple(each.high)  # type: ignore[return-value]  # levels are pairs


def _plain(value: Any) -> Any:
    """Return a part of a label in plain values."""
    if isinstance(value, Context):
        return value.user, value.role, value.type, _plain_range(value.range)
    return getattr(value, "value", value)


def _united(assertions: Sequence[tuple[int, int, tuple[tuple[int, int], ...]]]) -> dict[int, int]:
    """Return all that assertions are about, by class."""
    vectors: dict[int, int] = {}
    for _, _, each in assertions:
        for class_id, vector in each:
            vectors[class_id] = vectors.get(class_id, 0) | vector
    return vectors
