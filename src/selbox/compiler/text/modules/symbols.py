"""Symbols that a declaration declares, requires or adds to, as CIL.

A symbol that is only required is put into an attribute that means nothing, ``cil_gen_require``: CIL has no requirement,
but it disables an optional that uses a symbol which is not there.

Source: ``class_to_cil``, ``role_to_cil``, ``type_to_cil`` … of libsepol's ``module_to_cil.c``.
"""

from collections.abc import Callable, Iterable

from selbox.binary.module import Module
from selbox.binary.modulesections.values import (
    ALIAS,
    ATTRIBUTE,
    BOOLEANS,
    CATEGORIES,
    CLASSES,
    DECLARED,
    EXPAND,
    KEEP,
    NEVERAUDIT,
    PERMISSIVE,
    REQUIRED,
    ROLES,
    SENSITIVITIES,
    TYPES,
    USERS,
    Boolean,
    Category,
    Common,
    Declaration,
    ObjectClass,
    Role,
    Scope,
    Sensitivity,
    Type,
    User,
)
from selbox.compiler.text.modules.constraints import expression_text
from selbox.compiler.text.modules.names import MadeAttributes, SetNames, attribute_statements, spaced
from selbox.compiler.text.modules.order import DECLARATION_BUCKETS, ROLE_BUCKETS, hash_order
from selbox.compiler.text.modules.permissions import PermissionTexts
from selbox.compiler.text.modules.rules import RuleWriter
from selbox.model.bitset import members
from selbox.typing import Any, Final

DEFAULT_LEVEL: Final = "systemlow"
"""The level that stands where a module without levels has none."""

REQUIRE_ATTRIBUTE: Final = "cil_gen_require"
"""Type and role attribute that required symbols are put into."""

_BASE_ROLES = frozenset(("user_r", "staff_r", "sysadm_r", "system_r", "unconfined_r"))
"""Declared in base modules, and perhaps again in others, where the declaration is left out."""

BUILT_IN_ROLES: Final = ("auditadm_r", "secadm_r")
"""Declared with every base module, wherever a policy declares them."""

_DEFAULTS = {1: "source", 2: "target"}
_DEFAULT_RANGES = {
    1: "source low",
    2: "source high",
    3: "source low-high",
    4: "target low",
    5: "target high",
    6: "target low-high",
    7: "glblub",
}


class SymbolWriter:
    """Writes the statements of symbols.

    Args:
        module: the module.
        name: what messages call its file.
        prefix: its name, as it may stand in names.
        names: names of its sets.
        permissions: texts of its lists of permissions.
        rules: writes levels.
        counter: names of all attributes that were made (``MadeAttributes``).
    """

    def __init__(
        self,
        module: Module,
        name: str,
        prefix: str,
        names: SetNames,
        permissions: PermissionTexts,
        rules: RuleWriter,
        counter: list[str],
    ) -> None:
        self._module = module
        self._file = name
        self._prefix = prefix
        self._names = names
        self._permissions = permissions
        self._rules = rules
        self._counter = counter
        self._required = self._by_declaration()
        self._role_order = list(reversed(hash_order(module.tables.roles.symbols, ROLE_BUCKETS)))
        self._roles_of_types, self._roles_of_sets = self._gather_roles()
        # What the statements of the block at hand are written with.
        self._indent = ""
        self._is_optional = False
        self._within: frozenset[int] = frozenset()
        self._around: frozenset[int] = frozenset()
        self._out: list[str] = []

    def _writers(self) -> dict[int, Callable[[str, Any, int], None]]:
        """Return what writes each kind of symbols. Kept, it would be a cycle, and hold the module until it is found."""
        return {
            CLASSES: self._class,
            ROLES: self._role,
            TYPES: self._type,
            USERS: self._user,
            BOOLEANS: self._boolean,
            SENSITIVITIES: self._sensitivity,
            CATEGORIES: self._category,
        }

    def _by_declaration(self) -> dict[int, list[tuple[int, list[int]]]]:
        """Return the kinds of symbols that each declaration has in its scope, with the symbols' values."""
        result: dict[int, list[tuple[int, list[int]]]] = {}
        for kind in (ROLES, TYPES, USERS, SENSITIVITIES):  # nothing is written where others are required
            table = self._module.tables[kind]
            values: dict[int, list[int]] = {}
            for name, scope in self._module.scopes[kind].items():
                value: int = table.symbols[name].value
                if table.names.get(value) == name:
                    for number in scope.declarations:
                        values.setdefault(number, []).append(value)
            for number, found in values.items():
                result.setdefault(number, []).append((kind, sorted(found)))
        return result

    def _gather_roles(self) -> tuple[dict[str, list[str]], list[str]]:
        """Return the roles that each type has, by the types' names, and the roles that do not name them one by one."""
        result: dict[str, list[str]] = {}
        others = []
        table = self._module.tables.roles.symbols
        for name in self._role_order:
            types = table[name].types
            if not types.excluded and not types.flags:
                for each in members(types.types):
                    result.setdefault(self._module.tables.types.names[each + 1], []).append(name)
            else:
                others.append(name)
        return result, others

    def begin(self, indent: str, around: Iterable[Declaration], declaration: Declaration, out: list[str]) -> None:
        """Turn to a declaration.

        Args:
            indent: spaces that lines begin with.
            around: the declarations that hold this one.
            declaration: the declaration.
            out: receives the lines.
        """
        self._indent = indent
        self._around = frozenset(each.number for each in around)
        self._within = self._around | {declaration.number}
        self._is_optional = declaration is not self._module.blocks[0][0]
        self._out = out

    def declared(self, declaration: Declaration) -> None:
        """Write what the declaration declares, and the orders of classes, sensitivities and categories."""
        tables, scopes = self._module.tables, self._module.scopes
        orders = {CLASSES: "classorder", SENSITIVITIES: "sensitivityorder", CATEGORIES: "categoryorder"}
        for kind, write in self._writers().items():
            bits = declaration.declared.symbols[kind]
            if not bits:
                continue
            table = tables[kind]
            for each in members(bits):
                name = table.names[each + 1]
                write(name, table.symbols[name], scopes[kind].get(name, _NOWHERE).scope)
            if kind in orders:
                self._out.append(f"{self._indent}({orders[kind]} ({spaced(bits, table.names)}))\n")

    def required(self, declaration: Declaration) -> None:
        """Write what the declaration itself requires.

        What the module requires at its beginning is among the requirements of every declaration; only the scopes of
        the symbols tell where it is required.
        """
        writers = self._writers()
        for kind, values in self._required.get(declaration.number, ()):
            write, table = writers[kind], self._module.tables[kind]
            bits = declaration.required.symbols[kind]
            for value in values:
                if bits >> value - 1 & 1:
                    name = table.names[value]
                    write(name, table.symbols[name], REQUIRED)

    def added(self, declaration: Declaration) -> None:
        """Write what the declaration adds to symbols."""
        for kind, write in self._writers().items():
            symbols: dict[str, Any] = declaration.symbols[kind].symbols
            if symbols:
                for name in hash_order(symbols, DECLARATION_BUCKETS[kind]):
                    write(name, symbols[name], REQUIRED)

    def common(self, name: str, common: Common) -> str:
        """Return the statement of a common."""
        return f"(common {name} ({_in_order(common.permissions)}))\n"

    def _line(self, text: str) -> None:
        self._out.append(f"{self._indent}{text}\n")

    def _class(self, name: str, found: ObjectClass, scope: int) -> None:
        if scope == REQUIRED:
            return
        self._line(f"(class {name} ({_in_order(found.permissions)}))")
        if found.common:
            self._line(f"(classcommon {name} {found.common})")
        user, role, type_, range_ = found.defaults
        for keyword, value in (("user", user), ("role", role), ("type", type_)):
            if value:
                self._line(f"(default{keyword} {name} {_DEFAULTS[value]})")
        if range_:
            self._line(f"(defaultrange {name} {_DEFAULT_RANGES[range_]})")
        mls = "mls" if self._module.mls else ""
        for constraint in found.constraints:
            permissions = self._permissions.names(found.value, constraint.permissions)
            expression = expression_text(constraint.expression, self._module, self._file)
            self._line(f"({mls}constrain ({name} ({permissions})) {expression})")
        for constraint in found.validatetrans:
            expression = expression_text(constraint.expression, self._module, self._file)
            self._line(f"({mls}validatetrans {name} {expression})")

    def _role(self, name: str, role: Role, scope: int) -> None:
        made = MadeAttributes(self._counter, self._prefix)
        is_attribute = role.kind == ATTRIBUTE
        if scope == REQUIRED:
            self._line(f"(roleattributeset {REQUIRE_ATTRIBUTE} {name})")
        elif is_attribute:
            self._line(f"(roleattribute {name})")
        elif self._module.is_base if name in _BASE_ROLES else name not in BUILT_IN_ROLES:
            self._line(f"(role {name})")
        if is_attribute and role.roles:
            self._line(f"(roleattributeset {name} ({spaced(role.roles, self._module.tables.roles.names)}))")
        scopes = self._module.scopes[TYPES]
        for each in self._names.of_type_set(role.types, made):
            if not self._within.isdisjoint(scopes.get(each, _NOWHERE).declarations):
                self._line(f"(roletype {name} {each})")
        if role.bounds and not is_attribute:
            self._line(f"(rolebounds {name} {self._module.tables.roles.names[role.bounds]})")
        attribute_statements(made, self._module, self._indent, self._out)

    def _type(self, name: str, type_: Type, scope: int) -> None:
        if scope == REQUIRED:
            self._out.append(f"{self._indent}(typeattributeset {REQUIRE_ATTRIBUTE} {name})\n")
        if self._around:
            self._roles_around(name)
        names = self._module.tables.types.names
        if type_.kind == ATTRIBUTE:
            if scope == DECLARED:
                self._line(f"(typeattribute {name})")
            if type_.flags & (EXPAND | KEEP):
                self._line(f"(expandtypeattribute ({name}) {'true' if type_.flags & EXPAND else 'false'})")
            if type_.types:
                self._line(f"(typeattributeset {name} ({spaced(type_.types, names)}))")
        elif type_.kind != ALIAS:
            if scope == DECLARED:
                self._line(f"(type {name})")
                self._line(f"(roletype object_r {name})")
            if type_.flags & PERMISSIVE:
                self._line(f"(typepermissive {name})")
            if type_.flags & NEVERAUDIT:
                self._line(f"(typeneveraudit {name})")
            if type_.bounds:
                self._line(f"(typebounds {names[type_.bounds]} {name})")

    def _roles_around(self, name: str) -> None:
        """Write the roles of a type that declarations around this one declare or require."""
        scopes, roles = self._module.scopes[ROLES], self._module.tables.roles.symbols
        for role in self._roles_of_types.get(name, ()):
            if self._is_around(role, scopes):
                self._line(f"(roletype {role} {name})")
        if self._roles_of_sets:
            made = MadeAttributes(self._counter, self._prefix)
            for role in self._roles_of_sets:
                if self._is_around(role, scopes):
                    made.name(roles[role].types)
            attribute_statements(made, self._module, self._indent, self._out)

    def _is_around(self, role: str, scopes: dict[str, Scope]) -> bool:
        declarations = _OBJECT_R_SCOPE if role == "object_r" else scopes.get(role, _NOWHERE).declarations
        return not self._around.isdisjoint(declarations)

    def _user(self, name: str, user: User, scope: int) -> None:
        if scope == DECLARED:
            self._line(f"(user {name})")
            self._line(f"(userrole {name} object_r)")
        for each in members(user.roles.roles):
            self._line(f"(userrole {name} {self._module.tables.roles.names[each + 1]})")
        level = low = high = DEFAULT_LEVEL
        if self._module.mls:
            # In optionals the sensitivities of users count from 0.
            offset = 1 if self._is_optional else 0
            level, low, high = (self._rules.level(each, offset) for each in (user.level, user.low, user.high))
        if level and low and high:  # a user that is only required may have none, which pp does not survive
            self._line(f"(userlevel {name} {level})")
            self._line(f"(userrange {name} ({low} {high}))")

    def _boolean(self, name: str, boolean: Boolean, scope: int) -> None:
        if scope == DECLARED:
            kind = "tunable" if boolean.tunable else "boolean"
            self._line(f"({kind} {name} {'true' if boolean.state else 'false'})")

    def _sensitivity(self, name: str, sensitivity: Sensitivity, scope: int) -> None:
        if scope == DECLARED:
            self._line(f"(sensitivity {name})")
        if sensitivity.categories:
            names = self._module.tables.categories.names
            self._line(f"(sensitivitycategory {name} ({spaced(sensitivity.categories, names)}))")

    def _category(self, name: str, _category: Category, scope: int) -> None:
        if scope != REQUIRED:
            self._line(f"(category {name})")


_NOWHERE = Scope(REQUIRED, ())
_OBJECT_R_SCOPE = (1,)


def _in_order(permissions: dict[str, int]) -> str:
    return "".join([f"{name} " for name in sorted(permissions, key=permissions.__getitem__)])
