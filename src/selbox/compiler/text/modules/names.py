"""Sets of types and roles as names: their members, or an attribute that is made for a set that CIL cannot say.

CIL has no ``{ a -b }``, ``~a`` or ``*`` in a rule: such a set becomes an attribute of its own, defined after the rules
of its block. The names of these attributes are numbered through the whole module.

Source: ``process_typeset``, ``process_roleset``, ``cil_print_attr_strs`` of libsepol's ``module_to_cil.c``.
"""

from collections.abc import Mapping

from selbox.binary.module import Module
from selbox.binary.modulesections.values import COMPLEMENT, EVERYTHING, RoleSet, TypeSet
from selbox.model.bitset import members


class MadeAttributes:
    """The attributes that are made for the sets of one block, and what they stand for.

    Args:
        counter: the list of the names of all attributes of the module, which numbers them.
        prefix: name of the module, as it may stand in names.
    """

    __slots__ = ("_counter", "_prefix", "sets")

    def __init__(self, counter: list[str], prefix: str) -> None:
        self._counter = counter
        self._prefix = prefix
        self.sets: dict[TypeSet | RoleSet, str] = {}

    def name(self, wanted: TypeSet | RoleSet) -> str:
        """Return the attribute that stands for a set, making it when it is new to the block."""
        name = self.sets.get(wanted)
        if name is None:
            infix = "typeattr" if isinstance(wanted, TypeSet) else "roleattr"
            name = self.sets[wanted] = f"{self._prefix}_{infix}_{len(self._counter) + 1}"
            self._counter.append(name)
        return name


def names_of(bits: int, names: Mapping[int, str]) -> list[str]:
    """Return the names of the members of a set."""
    return [names[each + 1] for each in members(bits)]


def spaced(bits: int, names: Mapping[int, str]) -> str:
    """Return the names of the members of a set, each with a space after it, as ``pp`` writes lists."""
    return "".join([names[each + 1] + " " for each in members(bits)])


class SetNames:
    """The names by which rules call their sets of types.

    Args:
        module: the module.

    Attributes:
        simple: names of the sets that need no attribute, by index, as far as they have been asked for.
        single: the name of each set of one type, by index, as far as it has been asked for; of others nothing.
    """

    __slots__ = ("_module", "_names", "simple", "single")

    def __init__(self, module: Module) -> None:
        self._module = module
        self._names = module.tables.types.names
        self.simple: list[list[str] | None] = [None] * len(module.type_sets)
        self.single = [""] * len(module.type_sets)

    def types(self, index: int, made: MadeAttributes) -> list[str]:
        """Return the names of a set, by its index in ``Module.type_sets``."""
        simple = self.simple[index]
        if simple is not None:
            return simple
        types = self._module.type_sets[index]
        if types.excluded or types.flags:
            return [made.name(types)]
        simple = self.simple[index] = names_of(types.types, self._names)
        if len(simple) == 1:
            self.single[index] = simple[0]
        return simple

    def of_type_set(self, types: TypeSet, made: MadeAttributes) -> list[str]:
        """Return the names of a set that is not among ``Module.type_sets``."""
        if types.excluded or types.flags:
            return [made.name(types)]
        return names_of(types.types, self._names)

    def roles(self, roles: RoleSet, made: MadeAttributes) -> list[str]:
        """Return the names of a set of roles."""
        if roles.flags:
            return [made.name(roles)]
        return names_of(roles.roles, self._module.tables.roles.names)


def attribute_statements(made: MadeAttributes, module: Module, indent: str, out: list[str]) -> None:
    """Write the attributes that were made for sets, the last first, each with its expression."""
    for wanted, name in reversed(made.sets.items()):
        if isinstance(wanted, TypeSet):
            kind, names = "type", module.tables.types.names
            included, excluded = wanted.types, wanted.excluded
        else:
            kind, names = "role", module.tables.roles.names
            included, excluded = wanted.roles, 0
        expression = "(all)" if wanted.flags & EVERYTHING else ""
        complement = wanted.flags & COMPLEMENT
        expression += "(not " if complement else ""
        expression += "(and " if included and excluded else ""
        expression += f"({spaced(included, names)}) " if included else ""
        expression += f"(not ({spaced(excluded, names)}))" if excluded else ""
        expression += ")" if included and excluded else ""
        expression += ")" if complement else ""
        out.append(f"{indent}({kind}attribute {name})\n{indent}({kind}attributeset {name} {expression})\n")
