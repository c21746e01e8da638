"""Random modules: types, attributes and roles that are declared, required and added to at all depths of optionals."""

from random import Random

_PERMISSIONS = {"file": ("read", "write", "ioctl", "open"), "dir": ("search", "read"), "process": ("signal", "fork")}


def random_module(seed: int) -> str:
    """Return a module in the module language."""
    return _Writer(Random(seed)).module()  # noqa: S311 - to vary inputs, not to keep a secret


class _Writer:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._serial = 0
        self._lines: list[str] = []

    def module(self) -> str:
        classes = " ".join(f"class {name} {{ {' '.join(names)} }};" for name, names in _PERMISSIONS.items())
        self._lines = ["module hand 1.0;", f"require {{ {classes} type z_t; attribute z; role z_r; bool z_b; }}"]
        self._block(["z_t"], ["z"], ["z_r"], ["z_b"], 0)
        return "\n".join(self._lines) + "\n"

    def _new(self, ending: str) -> str:
        self._serial += 1
        return f"n{self._random.randrange(10)}{self._serial}{ending}"

    def _block(
        self, types: list[str], attributes: list[str], roles: list[str], booleans: list[str], depth: int
    ) -> None:
        types, attributes, roles, booleans = list(types), list(attributes), list(roles), list(booleans)
        for _ in range(self._random.randrange(4)):
            self._declare(types, attributes, roles, booleans)
        for _ in range(self._random.randrange(6)):
            self._rule(types, attributes, roles, booleans)
        for _ in range(self._random.randrange(3) if depth < 4 else 0):
            self._optional(types, attributes, roles, booleans, depth)

    def _declare(self, types: list[str], attributes: list[str], roles: list[str], booleans: list[str]) -> None:
        match self._random.randrange(6):
            case 0 | 1:
                name, alias = self._new("_t"), self._new("_a")
                with_alias = f" alias {alias}" if self._random.random() < 0.3 else ""
                self._lines.append(f"type {name}{with_alias}, {self._random.choice(attributes)};")
                types.append(name)
            case 2:
                attributes.append(self._new(""))
                self._lines.append(f"attribute {attributes[-1]};")
            case 3:
                roles.append(self._new("_r"))
                self._lines.append(f"role {roles[-1]};")
            case 4:
                booleans.append(self._new("_b"))
                self._lines.append(f"bool {booleans[-1]} {self._random.choice(('true', 'false'))};")
            case _:
                self._lines.append(f"typeattribute {self._random.choice(types)} {self._random.choice(attributes)};")

    def _optional(
        self, types: list[str], attributes: list[str], roles: list[str], booleans: list[str], depth: int
    ) -> None:
        needed = [self._new("_t"), self._new(""), self._new("_r")]
        lines = [f"type {needed[0]};", f"attribute {needed[1]};", f"role {needed[2]};"]
        kept = [each for each in range(3) if self._random.random() < 0.6] or [0]
        again = f"type {self._random.choice(types)};" if self._random.random() < 0.5 else ""
        self._lines.append(f"optional {{ require {{ {' '.join(lines[each] for each in kept)} {again} }}")
        extra = [[needed[each]] if each in kept else [] for each in range(3)]
        self._block([*types, *extra[0]], [*attributes, *extra[1]], [*roles, *extra[2]], booleans, depth + 1)
        self._lines.append(
            f"allow {self._random.choice(types)} {needed[kept[0]]}:dir search; }}" if kept[0] < 2 else "}"
        )

    def _rule(self, types: list[str], attributes: list[str], roles: list[str], booleans: list[str]) -> None:
        random = self._random
        match random.randrange(6):
            case 0:
                self._lines.append(f"role {random.choice(roles)} types {self._set(types, attributes)};")
            case 1:
                self._lines.append(f"if ({self._condition(booleans)}) {{ {self._allow(types, attributes)} }}")
            case 2:
                self._lines.append(f"allow {random.choice(roles)} {random.choice(roles)};")
            case 3:
                self._lines.append(f"neverallow {self._set(types, attributes)} ~{random.choice(types)}:process fork;")
            case _:
                self._lines.append(self._allow(types, attributes))

    def _condition(self, booleans: list[str]) -> str:
        first, second = self._random.choice(booleans), self._random.choice(booleans)
        return self._random.choice((first, f"!{first}", f"{first} || !{second}", f"!({first} ^ {second}) && {first}"))

    def _set(self, types: list[str], attributes: list[str]) -> str:
        names = self._random.sample([*types, *attributes], min(2, len(types)))
        excluded = f" -{self._random.choice(types)}" if self._random.random() < 0.3 else ""
        return f"{{ {' '.join(names)}{excluded} }}"

    def _allow(self, types: list[str], attributes: list[str]) -> str:
        name = self._random.choice(list(_PERMISSIONS))
        chosen = self._random.sample(_PERMISSIONS[name], 1 + self._random.randrange(2))
        target = self._random.choice(("self", self._set(types, attributes)))
        rule = self._random.choice(("allow", "dontaudit"))
        return f"{rule} {self._set(types, attributes)} {target}:{name} {{ {' '.join(chosen)} }};"
