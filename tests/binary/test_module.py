"""Modules: every version, what a module says, and mangled ones."""

import random
from struct import pack, pack_into, unpack_from

import pytest
from tests.binary.packages import seed

from selbox.binary.module import NEWEST_VERSION, Module, read_module
from selbox.binary.modulesections.values import (
    ATTRIBUTE,
    COMPLEMENT,
    DECLARED,
    EVERYTHING,
    NEVERAUDIT,
    NOT_SELF,
    PERMISSIVE,
    REQUIRED,
    ROLES,
    SELF,
    TYPES,
    TypeSet,
)
from selbox.binary.package import split_package
from selbox.diagnostics import Diagnostics, SelboxError
from selbox.model.bitset import members

VERSION_OFFSET = 27
"""Where a module has its version: magic number, identifier with its size, kind."""


def module_bytes(name: str) -> bytes:
    return split_package(seed(name), name).module


def module(name: str) -> Module:
    return read_module(module_bytes(name), name)


def with_u32(data: bytes, offset: int, value: int) -> bytes:
    changed = bytearray(data)
    pack_into("<I", changed, offset, value)
    return bytes(changed)


def code(data: bytes) -> str:
    with pytest.raises(SelboxError) as caught:
        read_module(data, "m")
    return caught.value.diagnostics[0].code


@pytest.mark.parametrize(
    ("name", "version", "is_base", "mls"),
    [
        ("module-4", 4, False, False),
        ("module-9", 9, False, False),
        ("module-21", 21, False, True),
        ("base-5", 5, True, True),
        ("base-14", 14, True, False),
        ("base-21", 21, True, True),
    ],
)
def test_the_header_says_what_a_module_is(name: str, version: int, is_base: bool, mls: bool) -> None:
    found = module(name)
    assert (found.format_version, found.is_base, found.mls) == (version, is_base, mls)
    assert (found.name, found.version) == (("", "") if is_base else ("hand", "1.0"))


def test_how_unknown_classes_are_handled() -> None:
    assert [module(name).handle_unknown for name in ("base-5", "base-14", "base-21")] == [0, 2, 4]


def test_symbols_of_a_module() -> None:
    found = module("module-21")
    types = found.tables.types
    assert types.symbols["xa"].kind == ATTRIBUTE
    assert [types.names[each + 1] for each in members(types.symbols["xa"].types)] == ["z_t"]
    assert types.symbols["x_t"].flags == PERMISSIVE
    assert types.names[types.symbols["x_t"].bounds] == "a_t"
    assert types.symbols["y1_t"].value == types.symbols["y_t"].value
    assert found.scopes[TYPES]["x_t"] == (DECLARED, (1,))
    assert found.scopes[TYPES]["a_t"] == (REQUIRED, (1,))
    assert found.scopes[ROLES]["prole"].scope == REQUIRED
    assert found.tables.booleans.symbols["xbool"].state
    assert found.tables.booleans.symbols["xtun"].tunable
    assert found.tables.roles.names[1] == "object_r"
    assert found.tables.users.symbols["x_u"].high == (1, ((1, 3),))


def test_rules_of_a_module() -> None:
    found = module("module-21")
    declaration = found.blocks[0][0]
    types = found.tables.types.symbols
    sets = {found.type_sets[rule.source] for rule in declaration.rules}
    assert TypeSet(0, 0, EVERYTHING) in sets
    some = 1 << types["x_t"].value - 1 | 1 << types["xa"].value - 1
    assert TypeSet(some, 1 << types["z_t"].value - 1, 0) in sets
    assert any(found.type_sets[rule.target].flags == COMPLEMENT for rule in declaration.rules)
    assert any(rule.flags == SELF for rule in declaration.rules)
    extended = {rule.extended for rule in declaration.rules} - {None}
    assert (1, 0x12, 1 << 0x34 | (1 << 0x51) - (1 << 0x40)) in extended
    assert {each.name for each in declaration.filename_transitions} == {"foo bar", "name", "named"}
    assert {each.flags for each in declaration.filename_transitions if each.name == "named"} == {SELF}
    assert [len(block) for block in found.blocks] == [1, 1, 1, 2, 1]
    assert found.blocks[1][0].required.permissions


def test_contexts_of_a_base_module() -> None:
    found = module("base-21")
    sids, filesystems, ports, interfaces, nodes, fsuses, nodes6, keys, end_ports = found.object_contexts
    assert [each.numbers for each in sids] == [(4,), (3,), (2,), (1,)]
    assert filesystems == ()
    assert [each.numbers for each in ports] == [(6, 80, 80), (17, 1, 1023), (33, 5, 5), (132, 5, 5)]
    assert interfaces[0].name == "eth0"
    assert interfaces[0].second is not None
    assert {each.address for each in nodes} == {b"\x7f\0\0\1\xff\xff\xff\xff", b"\x0a\0\0\0\xff\0\0\0"}
    assert len(nodes6) == 4
    assert {each.name for each in fsuses} == {"ext4", "pipefs", "tmpfs"}
    assert keys[0].address == b"\xfe\x80" + bytes(6)
    assert (end_ports[0].name, end_ports[0].numbers) == ("mlx4_0", (2,))
    assert [(each.filesystem, each.path) for each in found.filesystem_contexts] == [
        ("a.fs-x", "/"),
        ("proc", "/net/x"),
        ("proc", "/net"),
        ("proc", "/abc"),
        ("proc", "/"),
    ]
    low = sids[1].context.low
    assert low is not None
    assert (low.sensitivity, low.categories) == (2, 0b101)


def test_old_range_transitions_are_rules_of_the_first_declaration() -> None:
    data = module_bytes("base-5")
    found = read_module(data, "m")
    assert data.endswith(bytes(4)), (
        "version 5 ends with the number of range transitions, and newer compilers write none"
    )
    types = found.tables.types
    one_word = pack("<IIIIQ", 64, 64, 1, 0, 0b1011)
    transition = pack("<II", types.symbols["a_t"].value, types.symbols["b_t"].value)
    levels = pack("<III", 2, 1, 2) + pack("<III", 64, 0, 0) + one_word
    found = read_module(data[:-4] + pack("<I", 1) + transition + levels, "m")
    (rule,) = found.blocks[0][0].range_transitions
    assert [types.names[each + 1] for each in members(found.type_sets[rule.target].types)] == ["b_t"]
    assert [found.tables.classes.names[each + 1] for each in members(rule.classes)] == ["process"]
    assert (rule.low, rule.high) == ((1, ()), (2, ((4, 4), (1, 2))))


@pytest.mark.parametrize("version", range(22, NEWEST_VERSION + 1))
def test_newer_versions_have_the_form_of_the_last_one_that_changed(version: int) -> None:
    data = module_bytes("module-21")
    assert read_module(with_u32(data, VERSION_OFFSET, version), "m") == module("module-21")._replace(
        format_version=version
    )


def test_types_are_never_audited_since_version_23() -> None:
    data = module_bytes("module-21")
    at = data.index(b"z_t", data.index(b"x_t")) - 12  # its bitmap is empty
    assert unpack_from("<II", data, at - 8) == (1, 0), "properties and bounds of z_t"
    silenced = with_u32(data, at - 8, 0x11)
    for version, flags in ((21, 0), (22, 0), (23, NEVERAUDIT)):
        found = read_module(with_u32(silenced, VERSION_OFFSET, version), "m")
        assert found.tables.types.symbols["z_t"].flags == flags


def test_notself_is_read() -> None:
    data = module_bytes("module-21")
    at = data.index(b"\x01\0\0\0\x01\0\0\0\x40\0\0\0")
    found = read_module(with_u32(data, at + 4, NOT_SELF), "m")
    assert any(rule.flags == NOT_SELF for rule in found.blocks[0][0].rules)


@pytest.mark.parametrize("version", [0, 3, NEWEST_VERSION + 1, 0xFFFFFFFF])
def test_other_versions_are_refused(version: int) -> None:
    assert code(with_u32(module_bytes("small"), VERSION_OFFSET, version)) == "binary-unknown-version"


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        pytest.param(0, 0xF97CFF8C, id="magic number"),
        pytest.param(4, 8, id="identifier"),
        pytest.param(23, 3, id="kind"),
        pytest.param(31, 6, id="unknown classes rejected and allowed"),
        pytest.param(35, 7, id="number of symbol tables"),
        pytest.param(39, 9, id="number of context tables"),
        pytest.param(43, 0, id="no name"),
    ],
)
def test_mangled_headers_are_refused(offset: int, value: int) -> None:
    assert code(with_u32(module_bytes("small"), offset, value)) == "binary-corrupt"


@pytest.mark.parametrize("name", ["module-9", "base-21"])
def test_a_module_that_is_cut_off_is_refused(name: str) -> None:
    data = module_bytes(name)
    for size in (*range(0, len(data), 37), len(data) - 1):
        assert code(data[:size]) in ("binary-truncated", "binary-corrupt")


def test_bytes_after_the_end_are_told() -> None:
    diagnostics = Diagnostics()
    read_module(module_bytes("small") + b"x", "m", diagnostics)
    assert [each.code for each in diagnostics.warnings] == ["binary-trailing-bytes"]


def test_a_module_is_the_same_whatever_was_read_before() -> None:
    first = module("base-21")
    for name in ("module-21", "base-14", "module-4", "small"):
        module(name)
    assert module("base-21") == first


@pytest.mark.parametrize("name", ["module-21", "module-4", "base-21", "base-5"])
def test_a_mangled_module_is_refused_or_means_something(name: str) -> None:
    data = module_bytes(name)
    chance = random.Random(name)  # noqa: S311 - to vary inputs, not to keep a secret
    for _ in range(150):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 1, 2, 8))):
            at = chance.randrange(len(changed) - 4)
            pack_into("<I", changed, at, chance.choice((0, 1, 2, 0x40, 0xFFFFFFFF, chance.getrandbits(32))))
        try:
            found = read_module(bytes(changed), name)
        except SelboxError as error:
            assert error.diagnostics[0].code.startswith("binary-")  # noqa: PT017 - either outcome is right
        else:
            assert found.blocks
