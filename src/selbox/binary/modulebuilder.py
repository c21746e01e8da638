"""Makes a policy module of rules between types that the module requires and does not declare itself.

That is what a module made from denials holds. Names get numbers in the order in which they are required, and stand in
the file as ``checkmodule`` writes them: the module is the same, byte for byte, as the one that ``checkmodule`` makes of
the same statements.

Source: ``module_compiler.c`` and ``policy_define.c`` of checkpolicy.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from selbox.binary.kernel import tables as slots
from selbox.binary.kernel.output import encoded
from selbox.binary.module import Module
from selbox.binary.modulesections.values import (
    CLASSES,
    DECLARED,
    KINDS,
    NO_TYPES,
    REQUIRED,
    ROLES,
    SELF,
    TYPE,
    TYPES,
    Declaration,
    ExtendedPermissions,
    ObjectClass,
    Role,
    Rule,
    Scope,
    ScopeIndex,
    SymbolTable,
    SymbolTables,
    Type,
    TypeSet,
)
from selbox.binary.modulewriter import USUAL_VERSION
from selbox.typing import Any, Final, NamedTuple

ALLOW: Final = 0x1
DONTAUDIT: Final = 0x8
ALLOW_EXTENDED: Final = 0x100
DONTAUDIT_EXTENDED: Final = 0x400
"""Kinds of rules: the ``AVRULE_`` bits of libsepol."""

_FUNCTIONS, _DRIVERS, _MESSAGES = 1, 2, 3
_MESSAGE_PERMISSION = "nlmsg"
_SELF = "self"
_OBJECT_ROLE = "object_r"
_WHOLE_DRIVER = (1 << 256) - 1
_DECLARATION = 1
_EMPTY_TABLE: SymbolTable[Any] = SymbolTable({}, {}, 0)


class RuleStatement(NamedTuple):
    """One rule.

    Attributes:
        kind: ``ALLOW``, ``DONTAUDIT``, ``ALLOW_EXTENDED`` or ``DONTAUDIT_EXTENDED``.
        source: a type.
        target: a type, or ``self``.
        object_class: a class.
        permissions: of an extended rule just the one that its numbers are about, ``ioctl`` or ``nlmsg``.
        numbers: extended permissions, 0 to 0xffff.
    """

    kind: int
    source: str
    target: str
    object_class: str
    permissions: Sequence[str]
    numbers: Sequence[int] = ()


class ModuleBuilder:
    """Takes rules and makes a module of them.

    Args:
        types: names of the types that rules and roles refer to; they are numbered in this order, as the others are.
        classes: names of classes with the permissions that rules refer to.
        roles: names.
    """

    def __init__(self, types: Iterable[str], classes: Mapping[str, Iterable[str]], roles: Iterable[str] = ()) -> None:
        self._types = _numbered(types)
        self._classes = _numbered(classes)
        self._required_roles = tuple(roles)
        self._roles = _numbered((_OBJECT_ROLE, *self._required_roles))
        self._permissions = {name: _numbered(names) for name, names in classes.items()}
        self._types_of_roles: dict[str, int] = {}
        self._type_sets: dict[TypeSet, int] = {}
        self._lists: dict[tuple[tuple[int, int], ...], int] = {}
        self._rules: list[Rule] = []

    def add_rule(self, rule: RuleStatement) -> None:
        """Add a rule; an extended one becomes one for each driver, as libsepol keeps them."""
        of_class = self._permissions[rule.object_class]
        pairs = ((self._classes[rule.object_class], _set(of_class[each] for each in rule.permissions)),)
        permissions = self._lists.setdefault(pairs, len(self._lists))
        is_self = rule.target == _SELF
        source = self._type_set(self._types[rule.source])
        target = self._type_set(0 if is_self else self._types[rule.target])
        head = (rule.kind, SELF if is_self else 0, source, target, permissions)
        if rule.kind in (ALLOW, DONTAUDIT):
            self._rules.append(Rule(*head, None))
        else:
            messages = _MESSAGE_PERMISSION in rule.permissions
            self._rules += [Rule(*head, each) for each in _extended(rule.numbers, messages=messages)]

    def _type_set(self, value: int) -> int:
        """Return the index of the set that holds the type of a value; 0 stands for none."""
        types = TypeSet(1 << value - 1, 0, 0) if value else NO_TYPES
        return self._type_sets.setdefault(types, len(self._type_sets))

    def add_types_to_role(self, role: str, types: Iterable[str]) -> None:
        """Let a role have types."""
        self._types_of_roles[role] = self._types_of_roles.get(role, 0) | _set(self._types[each] for each in types)

    def module(self, name: str, *, version: str = "1.0", mls: bool = True) -> Module:
        """Return what has been added as a module.

        Args:
            name: its name.
            version: the version that its author gives it.
            mls: whether it is for policies with levels; such a policy takes no other.
        """
        of_kind = [_EMPTY_TABLE] * len(KINDS)
        of_kind[CLASSES] = _table(self._classes, self._class, slots.CLASSES)
        of_kind[ROLES] = _table(self._roles, self._role, slots.ROLES)
        of_kind[TYPES] = _table(self._types, lambda _, value: Type(value, 1, TYPE, 0, 0, 0), slots.TYPES)
        required = [0] * len(KINDS)
        required[CLASSES], required[TYPES] = of_kind[CLASSES].known, of_kind[TYPES].known
        required[ROLES] = _set(self._roles[each] for each in self._required_roles)
        permissions = tuple((1 << len(names)) - 1 for names in self._permissions.values())
        declaration = Declaration(
            _DECLARATION,
            False,
            (),
            self._rules,
            (),
            (),
            (),
            (),
            ScopeIndex(tuple(required), permissions),
            ScopeIndex((0,) * len(KINDS), ()),
            SymbolTables(*[_EMPTY_TABLE] * len(KINDS)),
        )
        return Module(
            name,
            version,
            USUAL_VERSION,
            False,
            mls,
            0,
            0,
            SymbolTables(*of_kind),
            tuple(_scopes(each) for each in of_kind),
            [(declaration,)],
            (),
            (),
            list(self._type_sets),
            list(self._lists),
        )

    def _role(self, name: str, value: int) -> Role:
        if name == _OBJECT_ROLE:  # it is with every type, whatever a module says
            return Role(value, 0, 0, NO_TYPES, TYPE, 0)
        return Role(value, 0, 1 << value - 1, TypeSet(self._types_of_roles.get(name, 0), 0, 0), TYPE, 0)

    def _class(self, name: str, value: int) -> ObjectClass:
        permissions = self._permissions[name]
        return ObjectClass(
            value, "", _in_slots(permissions, slots.permissions_of(slots.CLASSES, name)), len(permissions)
        )


def _numbered(names: Iterable[str]) -> dict[str, int]:
    return {name: value for value, name in enumerate(dict.fromkeys(names), 1)}


def _set(values: Iterable[int]) -> int:
    bits = 0
    for each in values:
        bits |= 1 << each - 1
    return bits


def _in_slots(numbers: Mapping[str, int], table: slots.SymbolTable) -> dict[str, int]:
    """Return names in the order in which libsepol's tables give them."""
    names = list(numbers)
    return {
        names[each]: numbers[names[each]] for each in slots.in_slots([encoded(name) for name in names], table.slots)
    }


def _table(numbers: Mapping[str, int], symbol: Callable[[str, int], Any], table: slots.SymbolTable) -> SymbolTable[Any]:
    ordered = _in_slots(numbers, table)
    symbols = {name: symbol(name, value) for name, value in ordered.items()}
    return SymbolTable(symbols, {value: name for name, value in ordered.items()}, (1 << len(numbers)) - 1)


def _scopes(table: SymbolTable[Any]) -> dict[str, Scope]:
    required, declared = Scope(REQUIRED, (_DECLARATION,)), Scope(DECLARED, (_DECLARATION,))
    return {name: declared if name == _OBJECT_ROLE else required for name in table.symbols}


def _extended(numbers: Iterable[int], *, messages: bool) -> list[ExtendedPermissions]:
    """Return extended permissions: whole drivers first, then each driver of which some numbers are there."""
    drivers: dict[int, int] = {}
    for each in sorted(numbers):
        drivers[each >> 8] = drivers.get(each >> 8, 0) | 1 << (each & 0xFF)
    if messages:
        return [ExtendedPermissions(_MESSAGES, driver, bits) for driver, bits in drivers.items()]
    whole = sum(1 << driver for driver, bits in drivers.items() if bits == _WHOLE_DRIVER)
    found = [ExtendedPermissions(_DRIVERS, 0, whole)] if whole else []
    found += [
        ExtendedPermissions(_FUNCTIONS, driver, bits) for driver, bits in drivers.items() if bits != _WHOLE_DRIVER
    ]
    return found
