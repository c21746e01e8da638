"""A policy package as CIL, as ``pp`` writes it.

Called by whoever takes packages where CIL is taken; the text is read like any other source.

Source: ``sepol_module_package_to_cil`` of libsepol's ``module_to_cil.c``.
"""

from selbox.binary.module import Module
from selbox.binary.modulesections.values import Declaration, ScopeIndex
from selbox.binary.package import Package
from selbox.compiler.text.modules.labelling import LabelWriter
from selbox.compiler.text.modules.names import MadeAttributes, SetNames, attribute_statements
from selbox.compiler.text.modules.order import COMMON_BUCKETS, TYPE_BUCKETS, hash_order
from selbox.compiler.text.modules.packagetexts import (
    file_context_statements,
    login_statements,
    prefix_statements,
)
from selbox.compiler.text.modules.permissions import PermissionTexts
from selbox.compiler.text.modules.room import Room
from selbox.compiler.text.modules.rules import RuleWriter
from selbox.compiler.text.modules.symbols import BUILT_IN_ROLES, DEFAULT_LEVEL, REQUIRE_ATTRIBUTE, SymbolWriter
from selbox.diagnostics import Diagnostics, SelboxError
from selbox.model.bitset import members
from selbox.model.capabilities import POLICY_CAPABILITIES

_HANDLE_UNKNOWN = {0: "deny", 2: "reject", 4: "allow"}


def module_to_cil(package: Package, name: str, diagnostics: Diagnostics | None = None) -> str:
    """Return a package as CIL.

    Args:
        package: the package.
        name: what messages call it.
        diagnostics: receives a warning for whatever CIL cannot say and is left out: ``else`` branches of optionals,
            ``dominance`` of roles, ``fscon``, contexts of packets.

    Raises:
        SelboxError: ``module-capability``, ``module-constraint``, ``module-context``, ``module-no-permissions``,
            ``module-too-deep``, ``module-too-large`` or ``package-line``.
    """
    out: list[str] = []
    writer = _ModuleWriter(package.module, name, diagnostics, out)
    writer.header()
    writer.labels()
    writer.blocks()
    login_statements(package.seusers, name, out)
    if package.netfilter_contexts:
        writer.left_out("netfilter contexts")
    prefix_statements(package.users_extra, name, out)
    file_context_statements(package.file_contexts, name, out)
    return "".join(out)


class _ModuleWriter:
    def __init__(self, module: Module, name: str, diagnostics: Diagnostics | None, out: list[str]) -> None:
        self._module = module
        self._file = name
        self._diagnostics = diagnostics
        self._out = out
        self._prefix = "base" if module.is_base else _identifier(module.name)
        self._counter: list[str] = []
        self._counted = 0
        names = SetNames(module)
        permissions = PermissionTexts(module, name)
        self._room = Room(module, name)
        self._rules = RuleWriter(module, names, permissions, self._room)
        self._symbols = SymbolWriter(module, name, self._prefix, names, permissions, self._rules, self._counter)
        self._aliases = self._aliases_by_declaration()

    def left_out(self, what: str) -> None:
        if self._diagnostics is not None:
            self._diagnostics.warning("module-left-out", f"{self._file}: {what} have no like in CIL and are left out")

    def header(self) -> None:
        module, out = self._module, self._out
        if module.is_base:
            if not module.mls:
                out.append(f"(sensitivity s0)\n(sensitivityorder (s0))\n(level {DEFAULT_LEVEL} (s0))\n")
            out += [f"(role {role})\n" for role in ("object_r", *BUILT_IN_ROLES)]
            out.append(f"(typeattribute {REQUIRE_ATTRIBUTE})\n(roleattribute {REQUIRE_ATTRIBUTE})\n")
            out.append(f"(handleunknown {_HANDLE_UNKNOWN[module.handle_unknown]})\n")
            out.append(f"(mls {'true' if module.mls else 'false'})\n")
        for number in members(module.policy_capabilities):
            if number >= len(POLICY_CAPABILITIES):
                raise SelboxError.of(
                    "module-capability", f"{self._file}: policy capability {number} has no name that is known"
                )
            out.append(f"(policycap {POLICY_CAPABILITIES[number]})\n")

    def labels(self) -> None:
        LabelWriter(self._module, self._file).statements(self._diagnostics, self._out)

    def blocks(self) -> None:
        module, out = self._module, self._out
        if any(len(branches) > 1 for branches in module.blocks):
            self.left_out("`else` branches of optionals")
        if any(role.dominates & role.dominates - 1 for role in module.tables.roles.symbols.values()):
            self.left_out("`dominance` statements of roles")
        commons = module.tables.commons.symbols
        out += [self._symbols.common(name, commons[name]) for name in hash_order(commons, COMMON_BUCKETS)]
        first, *optionals = module.blocks
        stack = [first[0]]
        self._declaration(stack)
        for branches in optionals:
            if not branches:
                continue
            declaration = branches[0]
            while len(stack) > 1 and not _requires_all(declaration.required, stack[-1].required):
                stack.pop()
                out.append(f"{_indent(stack)})\n")
            out.append(f"{_indent(stack)}(optional {self._prefix}_optional_{declaration.number}\n")
            stack.append(declaration)
            self._room.check_depth(len(stack))
            self._declaration(stack)
        while len(stack) > 1:
            stack.pop()
            out.append(f"{_indent(stack)})\n")

    def _declaration(self, stack: list[Declaration]) -> None:
        *around, declaration = stack
        out, indent = self._out, "    " * len(around)
        for alias, meaning in self._aliases.get(declaration.number, ()):
            out.append(f"{indent}(typealias {alias})\n{indent}(typealiasactual {alias} {meaning})\n")
        symbols, rules = self._symbols, self._rules
        symbols.begin(indent, around, declaration, out)
        symbols.declared(declaration)
        symbols.required(declaration)
        symbols.added(declaration)
        types = MadeAttributes(self._counter, self._prefix)
        roles = MadeAttributes(self._counter, self._prefix)
        rules.rules(declaration.rules, indent, types, out)
        rules.role_rules(declaration, indent, types, roles, out)
        rules.type_transitions(declaration, indent, types, out)
        rules.conditionals(declaration.conditionals, indent, types, out)
        attribute_statements(types, self._module, indent, out)
        attribute_statements(roles, self._module, indent, out)
        self._room.take_characters(sum(map(len, out[self._counted :])))
        self._counted = len(out)

    def _aliases_by_declaration(self) -> dict[int, list[tuple[str, str]]]:
        """Return the aliases of types with what they mean, by the declaration that they are in."""
        table = self._module.tables.types
        scopes = self._module.scopes[3]
        found: dict[int, list[tuple[str, str]]] = {}
        if not any(type_.primary != 1 for type_ in table.symbols.values()):
            return found
        for name in reversed(hash_order(table.symbols, TYPE_BUCKETS)):
            type_ = table.symbols[name]
            if type_.primary != 1 and name in scopes:
                meaning = table.names[type_.primary if type_.kind == 2 else type_.value]
                found.setdefault(scopes[name].declarations[-1], []).append((name, meaning))
        return found


def _indent(stack: list[Declaration]) -> str:
    return "    " * (len(stack) - 1)


def _identifier(name: str) -> str:
    return "".join(each if each.isascii() and each.isalnum() else "_" for each in name)


def _requires_all(wanted: ScopeIndex, least: ScopeIndex) -> bool:
    """Tell whether a declaration requires everything that another one requires: then it may stand inside of it."""
    for many, few in zip(wanted.symbols, least.symbols, strict=True):
        if few & ~many:
            return False
    if wanted.permissions == least.permissions:
        return True
    if len(wanted.permissions) < len(least.permissions):
        return False
    return not any(few & ~many for many, few in zip(wanted.permissions, least.permissions, strict=False))
