"""What is kept of a compilation so that a later one of nearly the same sources need not start over.

A *place* is a source's number and the offset of a statement in it, in one number. What stands in statements that are
always read again has its place :func:`beyond` all sources. Ids of types are those of the compiled policy; attributes
that it does not keep follow behind them.

Source of the argument why nothing else has to be looked at: docs/adr/0007-one-module-compiled-again.md.
"""

from selbox.compiler.program import ACCESS
from selbox.compiler.together import NAMING
from selbox.typing import Any, Final, NamedTuple

Term = tuple[int, ...] | int | str
"""A term of a set expression: ids of members, the id of a set, or an operator."""

RoleTerm = tuple[int, ...] | bytes | str
"""A term over roles: ids, the name of an attribute as bytes, or an operator."""

PlainLevel = tuple[int, int]
"""A level: its sensitivity, and its categories as a bitset."""

PlainContext = tuple[int, int, int, tuple[PlainLevel, PlainLevel]]
"""A context in plain values."""

Assertions = tuple[tuple[int, int, tuple[tuple[int, int], ...], int], ...]
"""Assertions: source, target, access vectors by class, and place."""

ClassPiece = bytes | tuple[int, int, bool] | tuple[str, int, tuple[str, ...], bool]
"""A piece of the table of classes. What depends on types is a pair of bitsets; what depends on roles or users is the
table, a bitset and names; the last item of both is whether the names are written."""

FOLLOWED: Final = frozenset(
    {
        ACCESS,
        "type",
        "typebounds",
        "typealias",
        "typealiasactual",
        "typeattribute",
        "typeattributeset",
        "typepermissive",
    }
    | {"role", "roletype", "roleattribute", "roleattributeset", "roleallow", "roletransition"}
    | {"user", "userrole", "userlevel", "userrange", "boolean", "optional"}
    | {"allowx", "auditallowx", "dontauditx", "typetransition", "rangetransition"}
    | {"filecon", "genfscon", "fsuse", "portcon", "nodecon", "netifcon"}
    | {"classmapping", "classpermissionset"}
    | NAMING
)
"""Statements and declarations that may come and go; a ``booleanif`` is known by its number."""


def beyond(sources: int) -> int:
    """Return the place of all that stands in statements that are always read again.

    Args:
        sources: how many there are; one that comes behind them has the next number.
    """
    return sources + 1 << 32


class Names(NamedTuple):
    """What names mean.

    Attributes:
        types: names of types and attributes by id.
        attributes: for each a byte, 1 for an attribute.
        type_places: places of their declarations.
        aliases: further names of types: id, and the places of both statements.
        roles, users: names by id, and places.
        is_object_role_declared: whether statements can name the role of objects.
        role_attributes: names and places.
        booleans: name, first value and place of each, by id.
        classes: name, common and own permissions, by id.
        commons: permissions by name.
        sensitivities: name and usable categories, by id.
        categories: names by id.
        unread: names of which no more is known than that they mean something.
        optionals: names of optional blocks that stand in no block.
    """

    types: tuple[str, ...]
    attributes: bytes
    type_places: bytes
    aliases: tuple[tuple[str, int, int, int], ...]
    roles: tuple[tuple[str, int], ...]
    users: tuple[tuple[str, int], ...]
    is_object_role_declared: bool
    role_attributes: tuple[tuple[str, int], ...]
    booleans: tuple[tuple[str, bool, int], ...]
    classes: tuple[tuple[str, str | None, tuple[str, ...]], ...]
    commons: dict[str, tuple[str, ...]]
    sensitivities: tuple[tuple[str, int], ...]
    categories: tuple[str, ...]
    unread: frozenset[str]
    optionals: frozenset[str]


class Groups(NamedTuple):
    """What types, roles and users have to do with one another.

    Attributes:
        type_sets: what statements put into attributes: id, place, expression.
        role_sets: likewise of roles, with names.
        bits: types by the id of an attribute.
        role_statements: of each ``roletype`` the name of the role or role attribute, the id of the type, the place.
        role_types: types by role id.
        user_statements: of each ``userrole`` the name of the user, that of the role or role attribute, the place.
        user_roles: roles by user id, all that are said.
        user_levels: names of users, their levels, and the places where these are said.
        user_ranges: likewise their clearances.
        permissive: ids and places of permissive types.
        neveraudit: ids of types whose accesses are never recorded.
        expand: as in :class:`selbox.compiler.identities.Identities`.
        asserted: ids of attributes that assertions name.
        constrained: ids of attributes that constraints name.
        type_bounds: ids of bounded types and of those that bound them, and places.
        are_users_grouped: whether there are attributes of users.
        is_loose: whether labels have what the role of objects may not go with, so that it is warned of.
    """

    type_sets: tuple[tuple[int, int, tuple[Term, ...]], ...]
    role_sets: tuple[tuple[str, int, tuple[RoleTerm, ...]], ...]
    bits: dict[int, int]
    role_statements: tuple[tuple[str, int, int], ...]
    role_types: dict[int, int]
    user_statements: tuple[tuple[str, str, int], ...]
    user_roles: dict[int, int]
    user_levels: tuple[tuple[str, PlainLevel, int], ...]
    user_ranges: tuple[tuple[str, tuple[PlainLevel, PlainLevel], int], ...]
    permissive: tuple[tuple[int, int], ...]
    neveraudit: frozenset[int]
    expand: dict[int, bool]
    asserted: frozenset[int]
    constrained: frozenset[int]
    type_bounds: tuple[tuple[int, int, int], ...]
    are_users_grouped: bool
    is_loose: bool


class RuleRows(NamedTuple):
    """Rules as they were written, in the order of the sources; columns are arrays as bytes.

    Attributes:
        first: by source, the first of its rows, with two sources more than there are; and how many there are.
        kind, source, target, object_class, data, branch: columns of access rules, 16 bits wide but for ``data`` with
            32. A branch is that of a statement, as in :class:`selbox.compiler.namespace.Place`.
        offset: of the statements in their sources; 32 bits.
        triples: source, target and class of the unconditional rules in one number of 64 bits, ascending.
        triple_first: where the rows of each begin in ``triple_rows``; and how many there are.
        triple_rows: rows by their triples, in their order; 32 bits.
        uses: how many access rules name an attribute, by its id.
        own: rules whose target depends on the source, of attributes: kind, source, target, vectors, branch, place.
        conditional: rows of conditional rules; 32 bits.
        extended: kind, source, target, class, permission, numbers as a bitset, and place of extended rules.
        forbidden: rows that allow some of what assertions forbid to others; 32 bits.
        assertions: those that are checked.
        type_rules: kind, source, target, class, result, branch and place of statements about types.
        settled: kind, source, target, class, result and condition of the rules that come of them.
        named: source, target, class, name, result and place of transitions with names.
        ranged: source, target, class, index of a range and place.
        ranges: ranges by index.
        role_transitions: source, target, class and result, for each role, in the order of the statements.
        role_rules: source by name; target, which is a role by name, or for transitions a type by id; class and result,
            which others than transitions have not; and place.
        settled_named, settled_ranged, settled_roles: what comes of the transitions, without places.
        own_transitions: ids of attributes in statements about types whose target is the source.
        conditionals: expression and place of each ``booleanif``; None for one that is off.
        branch_numbers: conditions by the branches of statements, 0 for those of a block that is off.
        is_tolerant: whether transitions contradict one another so that it is warned of only.
    """

    first: tuple[int, ...]
    kind: bytes
    source: bytes
    target: bytes
    object_class: bytes
    data: bytes
    branch: bytes
    offset: bytes
    triples: bytes
    triple_first: bytes
    triple_rows: bytes
    uses: dict[int, int]
    own: tuple[tuple[int, int, int, tuple[tuple[int, int], ...], int, int], ...]
    conditional: bytes
    extended: tuple[tuple[Any, ...], ...]
    forbidden: bytes
    assertions: Assertions
    type_rules: tuple[tuple[int, ...], ...]
    settled: tuple[tuple[int, ...], ...]
    named: tuple[tuple[int, int, int, str, int, int], ...]
    ranged: tuple[tuple[int, ...], ...]
    ranges: tuple[tuple[tuple[int, int], tuple[int, int]], ...]
    role_transitions: tuple[tuple[int, int, int, int], ...]
    role_rules: tuple[tuple[str, str | int, int, int, int], ...]
    settled_named: tuple[tuple[int, int, int, str, int], ...]
    settled_ranged: tuple[tuple[int, ...], ...]
    settled_roles: tuple[tuple[int, ...], ...]
    own_transitions: frozenset[int]
    conditionals: tuple[tuple[tuple[int | str, ...], int] | None, ...]
    branch_numbers: tuple[int, ...]
    is_tolerant: bool


class Labels(NamedTuple):
    """Labels, in the order of the compiled policy; each ends in its place.

    Attributes:
        file_contexts: lines as file_contexts(5) has them.
        file_places: the places of their statements; 64 bits.
        initial_sids: name and context of each.
        genfs, uses, ports, nodes, interfaces: the other labels.
        infiniband_keys, infiniband_ports: likewise.
        are_patterns: whether the paths of ``genfs`` have been made patterns of.
    """

    file_contexts: bytes
    file_places: bytes
    initial_sids: tuple[tuple[str, PlainContext | None], ...]
    genfs: tuple[tuple[Any, ...], ...]
    uses: tuple[tuple[Any, ...], ...]
    ports: tuple[tuple[Any, ...], ...]
    nodes: tuple[tuple[Any, ...], ...]
    interfaces: tuple[tuple[Any, ...], ...]
    infiniband_keys: tuple[tuple[Any, ...], ...]
    infiniband_ports: tuple[tuple[Any, ...], ...]
    are_patterns: bool


class Written(NamedTuple):
    """The compiled policy as it was written.

    Attributes:
        sections: by name, in the order of the file.
        plain: the table of rules that always hold without the extended ones; empty where there are none of these.
        entries: likewise, as the file has them but in the order of their triples.
        type_order: names of types, attributes and aliases in the order of their table.
        class_pieces: the table of classes.
        types: how many types and attributes the policy has.
        version: of the format.
        mls: whether contexts have levels.
    """

    sections: dict[str, bytes]
    plain: bytes
    entries: bytes
    type_order: tuple[str, ...]
    class_pieces: tuple[ClassPiece, ...]
    types: int
    version: int
    mls: bool


class Baseline(NamedTuple):
    """A compilation, as far as what people change can change without a look at the rest.

    Attributes:
        starts: by source, the offset of every top-level form; 32 bits.
        others: places of statements that are not :data:`FOLLOWED`; 64 bits.
        together: places of the top-level statements that are read again whenever something has changed.
        dead: places of the top-level forms of optional blocks that are off, by the names that stand in those.
        dead_declared: names that such blocks declare.
        names, groups, rules, labels, written: the policy.
    """

    starts: tuple[bytes, ...]
    others: bytes
    together: tuple[int, ...]
    dead: dict[str, tuple[int, ...]]
    dead_declared: frozenset[str]
    names: Names
    groups: Groups
    rules: RuleRows
    labels: Labels
    written: Written

    def plain(self) -> tuple[Any, ...]:
        """Return all of it in plain values."""
        return tuple(tuple(part) if hasattr(part, "_fields") else part for part in self)

    @classmethod
    def of_plain(cls, parts: tuple[Any, ...]) -> "Baseline":
        """Return what :meth:`plain` was made of."""
        starts, others, together, dead, declared, names, groups, rules, labels, written = parts
        return cls(
            starts,
            others,
            together,
            dead,
            declared,
            Names(*names),
            Groups(*groups),
            RuleRows(*rules),
            Labels(*labels),
            Written(*written),
        )
