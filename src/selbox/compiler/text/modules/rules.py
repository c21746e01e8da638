"""Rules of a declaration as CIL.

Source: ``avrule_list_to_cil``, ``cond_list_to_cil``, ``role_trans_to_cil`` … of libsepol's ``module_to_cil.c``.
"""

from collections.abc import Sequence
from functools import lru_cache

from selbox.binary.module import Module
from selbox.binary.modulesections.rules import ACCESS_KINDS
from selbox.binary.modulesections.values import (
    NOT_SELF,
    SELF,
    Conditional,
    Declaration,
    ExtendedPermissions,
    Rule,
    SemanticLevel,
)
from selbox.compiler.text.modules.names import MadeAttributes, SetNames
from selbox.compiler.text.modules.permissions import PermissionTexts
from selbox.compiler.text.modules.room import Room
from selbox.model.bitset import members

_KEYWORDS = {
    0x1: "allow",
    0x2: "auditallow",
    0x4: "auditdeny",
    0x8: "dontaudit",
    0x10: "typetransition",
    0x20: "typemember",
    0x40: "typechange",
    0x80: "neverallow",
    0x100: "allowx",
    0x200: "auditallowx",
    0x400: "dontauditx",
    0x800: "neverallowx",
}
_OPERATORS = {2: "not", 3: "or", 4: "and", 5: "xor", 6: "eq", 7: "neq"}
_DRIVERS, _NETLINK = 2, 3


@lru_cache(maxsize=64)
def _begins(indent: str) -> dict[int, str]:
    return {kind: f"{indent}({keyword} " for kind, keyword in _KEYWORDS.items()}


class RuleWriter:
    """Writes the rules of a module's declarations.

    Args:
        module: the module.
        names: names of its sets.
        permissions: texts of its lists of permissions.
        room: how many lines rules may come to.
    """

    __slots__ = ("_module", "_names", "_permissions", "_room")

    def __init__(self, module: Module, names: SetNames, permissions: PermissionTexts, room: Room) -> None:
        self._module = module
        self._names = names
        self._permissions = permissions
        self._room = room

    def rules(self, rules: Sequence[Rule], indent: str, made: MadeAttributes, out: list[str]) -> None:
        """Write access vector and type rules: one line for each source, target and class."""
        single, single_access = self._names.single, self._permissions.single
        append = out.append
        begins = _begins(indent)
        for rule in rules:
            kind, flags, source, target, permissions, _ = rule
            # Most rules are one line, of names that rules before them have had.
            if kind & ACCESS_KINDS and not flags:
                source_name, target_name, end = single[source], single[target], single_access[permissions]
                if source_name and target_name and end:
                    append(f"{begins[kind]}{source_name} {target_name} {end}")
                    continue
            self._rule(rule, begins[kind], made, out)

    def _rule(self, rule: Rule, begin: str, made: MadeAttributes, out: list[str]) -> None:
        kind, flags, source, target, permissions, extended = rule
        if kind & ACCESS_KINDS:
            ends = self._permissions.access(permissions)
        elif extended is not None:
            ends = self._extended(permissions, extended)
        else:
            ends = self._permissions.types(permissions)
        sources, targets = self._names.types(source, made), self._names.types(target, made)
        if flags:
            targets = self._with_self(flags, target, targets)
        self._room.take(len(sources) * len(targets) * len(ends))
        out += [
            f"{begin}{source_name} {target_name} {end}"
            for source_name in sources
            for target_name in targets
            for end in ends
        ]

    def _with_self(self, flags: int, target: int, targets: list[str]) -> list[str]:
        if flags & NOT_SELF:
            types = self._module.type_sets[target]
            return ["notself"] if not types.types and not types.excluded else [*targets, "notself"]
        return [*targets, "self"] if flags & SELF else targets

    def _extended(self, permissions: int, extended: ExtendedPermissions) -> list[str]:
        kind = "nlmsg" if extended.specified == _NETLINK else "ioctl"
        numbers = extended_numbers(extended)
        names = self._module.tables.classes.names
        return [f"({kind} {names[value]} ({numbers})))\n" for value, _ in self._module.permission_lists[permissions]]

    def conditionals(
        self, conditionals: Sequence[Conditional], indent: str, made: MadeAttributes, out: list[str]
    ) -> None:
        """Write conditionals with their rules."""
        names = self._module.tables.booleans.names
        for conditional in conditionals:
            stack: list[str] = []
            for kind, boolean in conditional.expression:
                if kind == 1:
                    stack.append(f"({names[boolean]})")
                    continue
                second = "" if kind == 2 else " " + stack.pop()
                stack.append(f"({_OPERATORS[kind]} {stack.pop()}{second})")
            keyword = "tunableif" if conditional.tunable else "booleanif"
            out.append(f"{indent}({keyword} {stack[0]}\n")
            for branch, rules in (("true", conditional.when_true), ("false", conditional.when_false)):
                if rules:
                    out.append(f"{indent}    ({branch}\n")
                    self.rules(rules, indent + "        ", made, out)
                    out.append(f"{indent}    )\n")
            out.append(f"{indent})\n")

    def role_rules(
        self, declaration: Declaration, indent: str, types: MadeAttributes, roles: MadeAttributes, out: list[str]
    ) -> None:
        """Write role transitions and role allow rules."""
        classes, role_names = self._module.tables.classes.names, self._module.tables.roles.names
        for transition in declaration.role_transitions:
            sources = self._names.roles(transition.roles, roles)
            targets = self._names.types(transition.types, types)
            self._room.take(len(sources) * len(targets) * transition.classes.bit_count())
            for source in sources:
                for target in targets:
                    out += [
                        f"{indent}(roletransition {source} {target} {classes[each + 1]} "
                        f"{role_names[transition.new_role]})\n"
                        for each in members(transition.classes)
                    ]
        for allow in declaration.role_allows:
            sources = self._names.roles(allow.roles, roles)
            targets = self._names.roles(allow.new_roles, roles)
            self._room.take(len(sources) * len(targets))
            out += [f"{indent}(roleallow {source} {target})\n" for source in sources for target in targets]

    def type_transitions(self, declaration: Declaration, indent: str, made: MadeAttributes, out: list[str]) -> None:
        """Write range transitions (where the module has levels) and type transitions by file name."""
        tables = self._module.tables
        classes, types_of = tables.classes.names, self._names.types
        for change in declaration.range_transitions if self._module.mls else ():
            sources, targets = types_of(change.source, made), types_of(change.target, made)
            self._room.take(len(sources) * len(targets) * change.classes.bit_count())
            levels = f"({self.level(change.low)} {self.level(change.high)})"
            for source in sources:
                for target in targets:
                    out += [
                        f"{indent}(rangetransition {source} {target} {classes[each + 1]} {levels})\n"
                        for each in members(change.classes)
                    ]
        for named in declaration.filename_transitions:
            sources, targets = types_of(named.source, made), types_of(named.target, made)
            end = f'{classes[named.object_class]} "{named.name}" {tables.types.names[named.new_type]})\n'
            if named.flags & SELF:
                targets = [*targets, "self"]
            self._room.take(len(sources) * len(targets))
            out += [f"{indent}(typetransition {source} {target} {end}" for source in sources for target in targets]

    def level(self, level: SemanticLevel, offset: int = 0) -> str:
        """Return a level as CIL, or nothing if it has no sensitivity.

        Args:
            level: the level.
            offset: added to the number of the sensitivity.
        """
        tables = self._module.tables
        names = tables.categories.names
        ranges = [names[low] if low == high else f"range {names[low]} {names[high]}" for low, high in level.categories]
        if len(ranges) > 1:  # pp lacks these parentheses, and its text cannot be compiled
            ranges = [f"({each})" if " " in each else each for each in ranges]
        categories = f"({' '.join(ranges)})" if ranges else ""
        sensitivity = tables.sensitivities.names.get(level.sensitivity + offset)
        return f"({sensitivity} {categories})" if sensitivity else ""


def extended_numbers(extended: ExtendedPermissions) -> str:
    """Return extended permissions as CIL: numbers and ranges of them."""
    parts = []
    bits = extended.permissions
    at = 0
    while bits:
        skip = (bits & -bits).bit_length() - 1
        length = (~(bits >> skip) & ((bits >> skip) + 1)).bit_length() - 1
        low = at + skip
        high = low + length - 1
        if extended.specified == _DRIVERS:
            parts.append(f"(range {low << 8:#x} {high << 8 | 0xFF:#x})")
        elif low == high:
            parts.append(f"{extended.driver << 8 | low:#x}")
        else:
            parts.append(f"(range {extended.driver << 8 | low:#x} {extended.driver << 8 | high:#x})")
        bits >>= skip + length
        at = high + 1
    return " ".join(parts)
