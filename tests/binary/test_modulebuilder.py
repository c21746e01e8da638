"""Modules made of rules: what is in them, and that they are checkmodule's byte for byte."""

from random import Random

import pytest
from tests.oracles.modules import package, requires_module_programs

from selbox.binary.module import NEWEST_VERSION, Module, read_module
from selbox.binary.modulebuilder import (
    ALLOW,
    ALLOW_EXTENDED,
    DONTAUDIT,
    DONTAUDIT_EXTENDED,
    ModuleBuilder,
    RuleStatement,
)
from selbox.binary.modulesections.values import DECLARED, REQUIRED, ROLES, SELF, TYPES
from selbox.binary.modulewriter import USUAL_VERSION, write_module
from selbox.binary.package import split_package

KEYWORDS = {
    ALLOW: "allow",
    DONTAUDIT: "dontaudit",
    ALLOW_EXTENDED: "allowxperm",
    DONTAUDIT_EXTENDED: "dontauditxperm",
}
CLASSES = {
    "file": ("ioctl", "open", "read", "write"),
    "dir": ("add_name", "search"),
    "capability": ("dac_override",),
    "process": ("fork", "signal"),
}


def built() -> Module:
    builder = ModuleBuilder(["b_t", "a_t"], {"file": ["read", "ioctl"], "dir": ["search"]}, ["r"])
    builder.add_rule(RuleStatement(ALLOW, "a_t", "b_t", "file", ["read"]))
    builder.add_rule(RuleStatement(DONTAUDIT, "a_t", "self", "dir", ["search"]))
    builder.add_rule(
        RuleStatement(ALLOW_EXTENDED, "a_t", "b_t", "file", ["ioctl"], [0x5401, 0x1234, *range(0x300, 0x500)])
    )
    builder.add_types_to_role("r", ["a_t"])
    return builder.module("local", version="2.0")


def test_what_is_in_a_module() -> None:
    found = built()
    assert (found.name, found.version, found.format_version, found.is_base, found.mls) == (
        "local",
        "2.0",
        USUAL_VERSION,
        False,
        True,
    )
    types = found.tables.types.symbols
    assert {name: each.value for name, each in types.items()} == {"b_t": 1, "a_t": 2}
    assert found.scopes[TYPES] == {"a_t": (REQUIRED, (1,)), "b_t": (REQUIRED, (1,))}
    assert {name: scope for name, (scope, _) in found.scopes[ROLES].items()} == {"r": REQUIRED, "object_r": DECLARED}
    ((declaration,),) = found.blocks
    first, second, *extended = declaration.rules
    assert found.type_sets[first.source].types == 0b10
    assert found.type_sets[first.target].types == 0b01
    assert found.permission_lists[first.permissions] == ((1, 0b01),)
    assert (second.kind, second.flags, found.type_sets[second.target].types) == (DONTAUDIT, SELF, 0)
    assert [(each.extended.specified, each.extended.driver) for each in extended if each.extended is not None] == [
        (2, 0),
        (1, 0x12),
        (1, 0x54),
    ], "whole drivers come first"
    assert {each.extended.permissions for each in extended if each.extended is not None} == {0b11000, 1 << 0x34, 1 << 1}
    assert found.tables.roles.symbols["r"].types.types == 0b10


def test_it_can_be_read() -> None:
    found = built()
    again = read_module(write_module(found), "m")
    assert again.tables == found.tables
    assert again.scopes == found.scopes
    assert [list(each.rules) for block in again.blocks for each in block] == [
        list(each.rules) for block in found.blocks for each in block
    ]
    for version in range(18, NEWEST_VERSION + 1):
        assert read_module(write_module(found, version), "m").format_version == version


def test_messages_of_netlink() -> None:
    builder = ModuleBuilder(["a_t"], {"netlink_route_socket": ["nlmsg"]})
    builder.add_rule(RuleStatement(ALLOW_EXTENDED, "a_t", "self", "netlink_route_socket", ["nlmsg"], [0x12, 0x110]))
    ((declaration,),) = builder.module("m").blocks
    assert [each.extended for each in declaration.rules] == [(3, 0, 1 << 0x12), (3, 1, 1 << 0x10)]


def statements(random: Random) -> tuple[str, ModuleBuilder]:
    """Return a module's source and a builder that was told the same."""
    types = [f"t{each}_t" for each in random.sample(range(1000), random.randrange(1, 600))]
    classes = {
        name: random.sample(names, random.randrange(1, len(names) + 1))
        for name, names in random.sample(list(CLASSES.items()), random.randrange(1, len(CLASSES) + 1))
    }
    roles = [f"r{each}_r" for each in random.sample(range(50), random.randrange(30))]
    builder = ModuleBuilder(types, classes, roles)
    lines = [f"type {each};" for each in types]
    lines += [f"class {name} {{ {' '.join(names)} }};" for name, names in classes.items()]
    lines += [f"role {each};" for each in roles]
    text = ["module hand 1.0;", "require {", *lines, "}"]
    for _ in range(random.randrange(1, 60)):
        name = random.choice(list(classes))
        has_numbers = "ioctl" in classes[name] and random.random() < 0.5
        kind = random.choice((ALLOW_EXTENDED, DONTAUDIT_EXTENDED) if has_numbers else (ALLOW, DONTAUDIT))
        permissions = (
            ["ioctl"] if has_numbers else random.sample(classes[name], random.randrange(1, len(classes[name]) + 1))
        )
        numbers: list[int] = []
        if has_numbers:
            numbers = random.sample(range(0x10000), random.randrange(1, 8))
            start = random.randrange(0xFD) << 8
            numbers += [each for each in range(start, start + random.choice((0, 256, 512))) if each not in numbers]
        target = random.choice([*types, "self"])
        rule = RuleStatement(kind, random.choice(types), target, name, permissions, numbers)
        builder.add_rule(rule)
        after = f"ioctl {{ {' '.join(map(hex, numbers))} }}" if has_numbers else f"{{ {' '.join(permissions)} }}"
        text.append(f"{KEYWORDS[kind]} {rule.source} {target}:{name} {after};")
    for each in roles:
        given = random.sample(types, random.randrange(1, min(4, len(types)) + 1))
        builder.add_types_to_role(each, given)
        text += [f"role {each} types {type_};" for type_ in given]
    return "\n".join(text) + "\n", builder


@pytest.mark.oracle
@requires_module_programs
@pytest.mark.parametrize("seed", range(12))
def test_the_bytes_are_those_of_checkmodule(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - to vary inputs, not to keep a secret
    source, builder = statements(random)
    mls = random.random() < 0.7
    version = random.choice((18, 19, 20, 21, None))
    flags = ["-m", *(["-M"] if mls else []), *(["-c", str(version)] if version is not None else [])]
    theirs = split_package(package(source, *flags), "p").module
    assert (write_module(builder.module("hand", mls=mls), version) == theirs) is True, (
        "no difference of kilobytes is shown"
    )
