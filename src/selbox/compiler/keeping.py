"""Takes from a compilation what the next one can start from: makes a :class:`Baseline`."""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from selbox.binary.kernel.classes import classes_pieces
from selbox.binary.kernel.constraints import IdentityNames
from selbox.binary.kernel.mergedrules import MergedRules
from selbox.binary.kernel.relinked import names_in_order
from selbox.binary.kernel.versions import layout_of
from selbox.compiler import labelorder as order
from selbox.compiler.attributes import Uses, uses_of
from selbox.compiler.baseline import (
    FOLLOWED,
    Baseline,
    ClassPiece,
    Groups,
    Labels,
    Names,
    RoleTerm,
    Term,
    Written,
)
from selbox.compiler.keptids import KeptIds, NotKeptError, plain_level, plain_range
from selbox.compiler.keptrules import KeptRules
from selbox.compiler.mentions import names_in
from selbox.compiler.namespace import NAME_TABLES, Symbol, find
from selbox.compiler.options import DEFAULTS
from selbox.compiler.orders import GENERATED_ATTRIBUTE
from selbox.compiler.program import OBJECT_ROLE
from selbox.compiler.resolution import Resolution
from selbox.compiler.rowarrays import sorted_entries
from selbox.compiler.sets import SetOperator, SetTerm
from selbox.compiler.text.filecontexts import file_contexts_text
from selbox.compiler.together import NAMING, TopLevel, together
from selbox.diagnostics import Diagnostics
from selbox.language.cil import Form, Tree
from selbox.model.bitset import members
from selbox.model.context import Context
from selbox.model.policy import Policy, Target
from selbox.typing import Any, Final

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
    read_together = together(trees, resolution.program)
    if read_together is None:
        return None
    try:
        return _Keeping(trees, policy, resolution, sections, version, read_together).baseline()
    except (NotKeptError, OverflowError):  # numbers are kept in columns as wide as those of binary policies
        return None


def _is_plain(policy: Policy, resolution: Resolution) -> bool:
    """Tell whether access rules have no effect but their own, and nothing is chosen when the policy is built."""
    program = resolution.program
    options = program.options._replace(mls=None, handle_unknown=None, disable_neverallow=False)
    beyond = resolution.extended.assertions or any(each.branch for each in resolution.extended.statements)
    bounded = resolution.identities.bounds["role"] or resolution.identities.bounds["user"]
    is_plain = options == DEFAULTS and policy.target is Target.SELINUX
    return is_plain and not (beyond or bounded or resolution.denials.statements or resolution.rules.unsaid)


class _Keeping:
    def __init__(
        self,
        trees: Sequence[Tree],
        policy: Policy,
        resolution: Resolution,
        sections: Mapping[str, bytes],
        version: int,
        read_together: frozenset[TopLevel],
    ) -> None:
        self._trees = trees
        self._starts = [tree.starts() for tree in trees]
        self._policy = policy
        self._resolution = resolution
        self._sections = sections
        self._version = version
        self._program = resolution.program
        self._kept = KeptIds(policy, resolution, read_together, len(trees))
        self._ids = self._kept.ids
        if any(len(tree.source.text) >> 32 for tree in trees):
            raise NotKeptError

    def baseline(self) -> Baseline:
        dead, dead_declared = self._dead()
        return Baseline(
            starts=tuple(each.tobytes() for each in self._starts),
            others=self._others().tobytes(),
            together=tuple(sorted(number << 32 | offset for number, offset in self._kept.together)),
            dead=dead,
            dead_declared=dead_declared,
            names=self._names(),
            groups=self._groups(),
            rules=KeptRules(self._kept, len(self._trees)).rows(),
            labels=self._labels(),
            written=self._written(),
        )

    def _others(self) -> "array[int]":
        """Return the places of what is not followed."""
        program = self._program
        places = [
            self._kept.place_of(form, place)
            for keyword in program.statements
            if keyword not in FOLLOWED
            for form, place in program.live(keyword)
        ]
        places += [
            self._kept.place_of(symbol.form, symbol.place)
            for flavour, symbols in program.symbols.items()
            if flavour not in FOLLOWED
            for symbol in symbols
            if symbol.place.path  # a role that is declared nowhere has none
        ]
        places += self._repeated_labels()
        if self._kept.beyond in places:
            raise NotKeptError  # it would be read again each time
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
                    self._kept.origin_place(label.origin)
                    for label, each in zip(labels, keys, strict=True)
                    if counts[each] > 1
                )

    def _dead(self) -> tuple[dict[str, tuple[int, ...]], frozenset[str]]:
        found: dict[str, dict[int, None]] = {}
        declared: set[str] = set()
        for symbol in self._program.symbols.get("optional", ()):
            content = symbol.content
            if content is None or content.optional is None or content.optional.live:
                continue
            if self._kept.place_of(symbol.form, symbol.place) == self._kept.beyond:
                continue
            number = symbol.place.path[0]
            starts = self._starts[number]
            top_level = starts[bisect_right(starts, symbol.form.offset) - 1]
            for atom in names_in(symbol.form):
                found.setdefault(atom, {})[number << 32 | top_level] = None
            declared.update(_declared(symbol.form))
        return {atom: tuple(places) for atom, places in found.items()}, frozenset(declared)

    def _names(self) -> Names:
        program = self._program
        resolution = self._resolution
        root = program.root.tables
        actual_places = {
            find(place.scope, "type", str(form[1])): self._kept.place_of(form, place)
            for form, place in program.live("typealiasactual")
        }
        aliases = program.declared("typealias")
        unread = {
            name
            for names in root.values()
            for name, symbol in names.items()
            if symbol.flavour not in _READ_FLAVOURS and symbol.flavour not in NAMING
        }
        optionals = (each for each in program.symbols.get("optional", ()) if each.place.scope.declaring is program.root)
        return Names(
            types=tuple(each.name for each in self._kept.by_id),
            attributes=bytes(each.flavour == "typeattribute" for each in self._kept.by_id),
            type_places=array("Q", [self._kept.place_of(each.form, each.place) for each in self._kept.by_id]).tobytes(),
            aliases=tuple(
                (
                    each.name,
                    self._ids[program.actual(each).id],
                    self._kept.place_of(each.form, each.place),
                    actual_places[each],
                )
                for each in aliases
            ),
            roles=tuple(map(self._named, resolution.numbered["role"])),
            users=tuple(map(self._named, resolution.numbered["user"])),
            is_object_role_declared=OBJECT_ROLE in root.get("role", {}),
            role_attributes=tuple(map(self._named, program.symbols.get("roleattribute", ()))),
            booleans=tuple(
                (each.name, each.form[2] == "true", self._kept.place_of(each.form, each.place))
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
            optionals=frozenset(
                each.name for each in optionals if self._kept.place_of(each.form, each.place) != self._kept.beyond
            ),
        )

    def _named(self, symbol: Symbol) -> tuple[str, int]:
        """Return the name and place of a declaration; the role of objects may have none."""
        return symbol.name, self._kept.place_of(symbol.form, symbol.place) if symbol.place.path else -1

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
                raise NotKeptError
            if symbol.name != GENERATED_ATTRIBUTE:
                type_sets.append(
                    (ids[symbol.id], self._kept.place_of(form, place), tuple(self._term(term, ids) for term in terms))
                )
        role_sets = []
        for symbol, terms, form, place in identities.role_sets:
            if symbol.name != GENERATED_ATTRIBUTE:
                role_sets.append((symbol.name, self._kept.place_of(form, place), tuple(map(_role_term, terms))))
        generated = self._program.root.own("type", GENERATED_ATTRIBUTE)
        if generated is not None and self._uses(generated, used):
            raise NotKeptError
        bits = {
            ids[each.id]: self._kept.bits(identities.types.bits(each))
            for each in self._resolution.numbered["type"]
            if each.flavour == "typeattribute" and each.name != GENERATED_ATTRIBUTE
        }
        if generated is not None:
            bits[ids[generated.id]] = 0
        names_of_users = [each.name for each in self._resolution.numbered["user"]]
        return Groups(
            type_sets=tuple(type_sets),
            role_sets=tuple(role_sets),
            bits=bits,
            role_statements=tuple(
                (role.name, ids[held.id], self._kept.place_of(form, place))
                for role, held, form, place in identities.role_statements
            ),
            role_types={role: self._kept.bits(types) for role, types in identities.role_types.items()},
            user_statements=tuple(
                (names_of_users[each], role.name, self._kept.place_of(form, place))
                for user, role, form, place in identities.user_role_statements
                for each in members(identities.users.bits(user))
            ),
            user_roles=dict(identities.user_roles),
            user_levels=tuple(
                (name, plain_level(identities.user_levels[user]), place)
                for name, user, place in self._of_users("userlevel")
            ),
            user_ranges=tuple(
                (name, plain_range(identities.user_ranges[user]), place)
                for name, user, place in self._of_users("userrange")
            ),
            permissive=tuple(
                (ids[type_id], self._kept.place_of(form, place))
                for type_id, form, place in identities.permissive_statements
            ),
            neveraudit=frozenset(ids[each] for each in identities.neveraudit),
            expand={ids[each]: expand for each, expand in identities.expand.items()},
            asserted=frozenset(ids[each] for each in used.assertions),
            constrained=frozenset(ids[each] for each in used.constraints),
            type_bounds=tuple(
                (ids[child], ids[parent], self._kept.place_of(form, place))
                for child, parent, form, place in identities.type_bounds()
            ),
            are_users_grouped=bool(self._program.symbols.get("userattribute")),
            is_loose=self._kept.is_warned_of("cil-object-role"),
        )

    def _of_users(self, keyword: str) -> Iterator[tuple[str, int, int]]:
        """Yield name and id of the users that statements of a keyword are about, and the places of these."""
        seen: set[int] = set()
        for form, place in self._program.live(keyword):
            user = self._program.resolve("user", form, place, 1)
            if user.id in seen:
                raise NotKeptError  # which of them counts depends on their order
            seen.add(user.id)
            yield user.name, user.id, self._kept.place_of(form, place)

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

    def _labels(self) -> Labels:
        policy = self._policy
        lines = file_contexts_text(policy)
        if lines.count("\n") != len(policy.file_contexts) or any("\t" in each.pattern for each in policy.file_contexts):
            raise NotKeptError  # lines could not be told apart, or taken apart
        return Labels(
            file_contexts=lines.encode(errors="surrogateescape"),
            file_places=array("Q", [self._kept.origin_place(each.origin) for each in policy.file_contexts]).tobytes(),
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
        return tuple((*map(_plain, each[:-1]), self._kept.origin_place(each[-1])) for each in labels)

    def _written(self) -> Written:
        plain = b""
        if self._policy.extended_rules:
            plain = MergedRules(self._policy._replace(extended_rules=())).table_bytes(
                layout_of(self._version, self._policy.target)
            )
        entries = sorted_entries((plain or self._sections["access vectors"])[4:])
        pieces: list[ClassPiece] = []
        for piece in classes_pieces(self._policy, layout_of(self._version, self._policy.target), Diagnostics()):
            if isinstance(piece, bytes):
                pieces.append(piece)
                continue
            if isinstance(piece, IdentityNames):
                pieces.append((piece.table, piece.ids, piece.names, piece.are_written))
                continue
            if piece.ids != self._united(piece.named) or piece.excluded:
                raise NotKeptError
            pieces.append((piece.ids, piece.named, piece.are_written))
        order = names_in_order(self._sections["types"])
        return Written(
            dict(self._sections),
            plain,
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


def _plain(value: Any) -> Any:
    """Return a part of a label in plain values."""
    if isinstance(value, Context):
        return value.user, value.role, value.type, plain_range(value.range)
    return getattr(value, "value", value)
