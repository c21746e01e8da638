"""What a policy module holds, as values.

Numbers of symbols are those of the file: a symbol's *value* counts from 1, and bit ``value - 1`` of a set
(``selbox.model.bitset``) stands for it. Readers have checked that every number has a name, but for sets of
permissions, where bits without a name mean nothing.

Source: ``policydb.h``, ``conditional.h``, ``constraint.h`` of libsepol.
"""

from collections.abc import Sequence
from typing import Final, Generic, NamedTuple, TypeVar  # noqa: TID251 - a generic tuple has no stand-in

COMMONS: Final = 0
CLASSES: Final = 1
ROLES: Final = 2
TYPES: Final = 3
USERS: Final = 4
BOOLEANS: Final = 5
SENSITIVITIES: Final = 6
CATEGORIES: Final = 7

KINDS: Final = ("commons", "classes", "roles", "types", "users", "booleans", "sensitivities", "categories")
"""Names of the kinds of symbols, in the order in which files have their tables."""

EVERYTHING: Final = 1
"""Flag of a set: all types or roles (``*``)."""

COMPLEMENT: Final = 2
"""Flag of a set: all but its members (``~``)."""

REQUIRED: Final = 1
DECLARED: Final = 2
"""Scope of a symbol: only required by the module, or declared in it."""

TYPE: Final = 0
ATTRIBUTE: Final = 1
ALIAS: Final = 2
"""Kinds of types; roles are ``TYPE`` or ``ATTRIBUTE``."""

PERMISSIVE: Final = 1
EXPAND: Final = 2
KEEP: Final = 4
NEVERAUDIT: Final = 8
"""Flags of types: permissive; an attribute that is to be expanded, or kept; never audited."""

SELF: Final = 1
NOT_SELF: Final = 2
"""Flags of rules: the source itself is a target, or all but the source are."""

Symbol = TypeVar("Symbol")


class TypeSet(NamedTuple):
    """Types as a rule names them: ``{ types -excluded }``, and ``EVERYTHING`` or ``COMPLEMENT`` of that."""

    types: int
    excluded: int
    flags: int


NO_TYPES: Final = TypeSet(0, 0, 0)
"""None at all."""


class RoleSet(NamedTuple):
    """Roles as a rule names them, and ``EVERYTHING`` or ``COMPLEMENT`` of that."""

    roles: int
    flags: int


class SemanticLevel(NamedTuple):
    """A level as its author wrote it.

    Attributes:
        sensitivity: value of the sensitivity; 0 where there is none.
        categories: first and last category (values) of each range, in the order of libsepol's list.
    """

    sensitivity: int
    categories: tuple[tuple[int, int], ...]


class ContextLevel(NamedTuple):
    """A level of a context: the value of its sensitivity, and the set of its categories."""

    sensitivity: int
    categories: int


class Context(NamedTuple):
    """A security context; ``low`` is None where the module has no levels."""

    user: int
    role: int
    type: int
    low: ContextLevel | None
    high: ContextLevel | None


class ConstraintTerm(NamedTuple):
    """One term of a constraint's expression, which is in reverse Polish order.

    Attributes:
        kind: 1 not, 2 and, 3 or, 4 a comparison of attributes, 5 a comparison with names.
        attribute: which attributes are compared, as the kernel's ``CEXPR_`` bits.
        operator: 1 equal, 2 not equal, 3 dominates, 4 dominated by, 5 incomparable.
        names: users or roles that are compared with.
        types: types that are compared with.
    """

    kind: int
    attribute: int
    operator: int
    names: int
    types: TypeSet


class Constraint(NamedTuple):
    """A constraint on permissions (a set of permission values less one), or a ``validatetrans`` rule (0)."""

    permissions: int
    expression: tuple[ConstraintTerm, ...]


class Common(NamedTuple):
    """Permissions that classes share: name to value."""

    value: int
    permissions: dict[str, int]


class ObjectClass(NamedTuple):
    """An object class.

    Attributes:
        value: its number.
        common: name of the common that it takes permissions from, or empty.
        permissions: its own permissions, name to value.
        highest: highest value of a permission, the common's among them.
        constraints: in the order of the file.
        validatetrans: likewise.
        defaults: the values of ``default_user``, ``default_role``, ``default_type`` and ``default_range``; 0 is none.
    """

    value: int
    common: str
    permissions: dict[str, int]
    highest: int
    constraints: tuple[Constraint, ...] = ()
    validatetrans: tuple[Constraint, ...] = ()
    defaults: tuple[int, int, int, int] = (0, 0, 0, 0)


class Role(NamedTuple):
    """A role or role attribute; ``bounds`` is a role's value or 0, ``roles`` an attribute's members."""

    value: int
    bounds: int
    dominates: int
    types: TypeSet
    kind: int
    roles: int


class Type(NamedTuple):
    """A type, type attribute or alias.

    Attributes:
        value: its number; an alias may have that of its type.
        primary: 0 for another name of the type that has this value; for ``ALIAS`` the value of its type.
        kind: ``TYPE``, ``ATTRIBUTE`` or ``ALIAS``.
        flags: ``PERMISSIVE``, ``EXPAND``, ``KEEP`` and ``NEVERAUDIT``.
        bounds: value of the type that bounds it, or 0.
        types: members of an attribute.
    """

    value: int
    primary: int
    kind: int
    flags: int
    bounds: int
    types: int


class User(NamedTuple):
    """A user; the levels are those of its range and its default."""

    value: int
    bounds: int
    roles: RoleSet
    low: SemanticLevel
    high: SemanticLevel
    level: SemanticLevel


class Boolean(NamedTuple):
    """A boolean or (``tunable``) a tunable."""

    value: int
    state: bool
    tunable: bool


class Sensitivity(NamedTuple):
    """A sensitivity, or another name of one, and the categories that it may be with."""

    is_alias: bool
    value: int
    categories: int


class Category(NamedTuple):
    """A category, or another name of one."""

    value: int
    is_alias: bool


class SymbolTable(NamedTuple, Generic[Symbol]):
    """The symbols of one kind.

    Attributes:
        symbols: by name, in the order of the file.
        names: value to name, of the symbols that are no other symbol's second name.
        known: the set of the values that have a name.
    """

    symbols: dict[str, Symbol]
    names: dict[int, str]
    known: int


class SymbolTables(NamedTuple):
    """The symbol tables of a module or of a declaration."""

    commons: SymbolTable[Common]
    classes: SymbolTable[ObjectClass]
    roles: SymbolTable[Role]
    types: SymbolTable[Type]
    users: SymbolTable[User]
    booleans: SymbolTable[Boolean]
    sensitivities: SymbolTable[Sensitivity]
    categories: SymbolTable[Category]


class ExtendedPermissions(NamedTuple):
    """Extended permissions of a rule.

    Attributes:
        specified: 1 for functions of one driver, 2 for whole drivers, 3 for netlink messages.
        driver: the high byte of the permissions, where ``specified`` is not 2.
        permissions: set of 256 numbers: low bytes, or drivers.
    """

    specified: int
    driver: int
    permissions: int


class Rule(NamedTuple):
    """An access vector rule or type rule.

    Attributes:
        kind: the ``AVRULE_`` bit of libsepol.
        flags: ``SELF`` and ``NOT_SELF``.
        source: index of the source types in ``Module.type_sets``.
        target: index of the target types in ``Module.type_sets``.
        permissions: index in ``Module.permission_lists``.
        extended: extended permissions, where ``kind`` has some.
    """

    kind: int
    flags: int
    source: int
    target: int
    permissions: int
    extended: ExtendedPermissions | None


class Conditional(NamedTuple):
    """Rules under a condition.

    Attributes:
        expression: in reverse Polish order: kind (1 a boolean, 2 not, 3 or, 4 and, 5 xor, 6 equal, 7 not equal) and
            the boolean's value.
        when_true: rules that hold when it is true.
        when_false: rules that hold when it is false.
        tunable: whether it is about tunables.
    """

    expression: tuple[tuple[int, int], ...]
    when_true: Sequence[Rule]
    when_false: Sequence[Rule]
    tunable: bool


class RoleTransition(NamedTuple):
    """``role_transition``; ``types`` is an index in ``Module.type_sets``, ``classes`` a set, ``new_role`` a value."""

    roles: RoleSet
    types: int
    classes: int
    new_role: int


class RoleAllow(NamedTuple):
    """``allow`` of roles."""

    roles: RoleSet
    new_roles: RoleSet


class FilenameTransition(NamedTuple):
    """``type_transition`` with a file name; source and target are indices in ``Module.type_sets``."""

    name: str
    source: int
    target: int
    object_class: int
    new_type: int
    flags: int


class RangeTransition(NamedTuple):
    """``range_transition``; source and target are indices in ``Module.type_sets``, ``classes`` is a set."""

    source: int
    target: int
    classes: int
    low: SemanticLevel
    high: SemanticLevel


class ScopeIndex(NamedTuple):
    """Symbols that a declaration requires or declares.

    Attributes:
        symbols: one set for each kind of symbols.
        permissions: one set of permissions for each class, by class value less one.
    """

    symbols: tuple[int, ...]
    permissions: tuple[int, ...]


class Declaration(NamedTuple):
    """One branch of a block: rules with what they require and declare.

    Attributes:
        number: its id, which the scopes of symbols refer to.
        enabled: whether the linker took it.
        conditionals: in the order of the file, as are the following.
        rules: access vector and type rules.
        role_transitions: see there.
        role_allows: see there.
        filename_transitions: see there.
        range_transitions: see there.
        required: what must exist for the declaration to hold.
        declared: what it declares.
        symbols: what it adds to symbols, such as types to an attribute; the tables of the module have all symbols.
    """

    number: int
    enabled: bool
    conditionals: Sequence[Conditional]
    rules: Sequence[Rule]
    role_transitions: Sequence[RoleTransition]
    role_allows: Sequence[RoleAllow]
    filename_transitions: Sequence[FilenameTransition]
    range_transitions: Sequence[RangeTransition]
    required: ScopeIndex
    declared: ScopeIndex
    symbols: SymbolTables


class Scope(NamedTuple):
    """Where a symbol is declared or required: ``REQUIRED`` or ``DECLARED``, and the declarations' numbers."""

    scope: int
    declarations: tuple[int, ...]


class ObjectContext(NamedTuple):
    """What is labelled by something else than a file's path, and its context.

    Attributes:
        name: name of the interface, file system or device, if it has one.
        numbers: a SID's number; protocol, low and high port; behaviour of ``fs_use``; low and high key or port of
            Infiniband.
        address: address and mask of a node, one after the other; subnet prefix of Infiniband; else empty.
        context: the context.
        second: a network interface's context for its packets, which nothing uses.
    """

    name: str
    numbers: tuple[int, ...]
    address: bytes
    context: Context
    second: Context | None = None


class FilesystemContext(NamedTuple):
    """``genfscon``; ``object_class`` is a class's value or 0 for all."""

    filesystem: str
    path: str
    object_class: int
    context: Context
