"""Modules written again: the same bytes, in any version that can say what they say, and what an older one cannot."""

import random
from struct import pack_into
from typing import Any

import pytest
from tests.binary.packages import SEEDS
from tests.binary.test_module import module, module_bytes
from tests.oracles.modules import package, requires_module_programs
from tests.oracles.modulesources import VERSIONS, base_source, module_source
from tests.oracles.random_modules import random_module

from selbox.binary.module import NEWEST_VERSION, OLDEST_VERSION, Module, read_module
from selbox.binary.modulesections.values import NEVERAUDIT
from selbox.binary.modulewriter import write_module
from selbox.binary.package import join_package, split_package
from selbox.diagnostics import Diagnostics, SelboxError

NAMES = sorted(path.name.removeprefix("taken-").removesuffix(".pp") for path in SEEDS.glob("taken-*.pp"))


@pytest.mark.parametrize("name", NAMES)
def test_what_was_read_is_written_as_it_was(name: str) -> None:
    data = (SEEDS / f"taken-{name}.pp").read_bytes()
    sections = split_package(data, name)
    again = write_module(read_module(sections.module, name))
    assert again == sections.module
    assert join_package(sections._replace(module=again)) == data


@pytest.mark.parametrize("name", ["module-21", "base-21", "base-14", "base-5"])
def test_what_a_version_says_it_means(name: str) -> None:
    """Downwards, as far as the version has words; nothing is changed silently."""
    found = module(name)
    written = []
    for version in range(OLDEST_VERSION, NEWEST_VERSION + 1):
        try:
            data = write_module(found, version)
        except SelboxError as error:
            assert [each.code for each in error.diagnostics] == ["binary-unwritable"]  # noqa: PT017 - one or the other
        else:
            assert write_module(read_module(data, name), found.format_version) == module_bytes(name)
            written.append(version)
    assert found.format_version in written
    assert written[-1] == NEWEST_VERSION
    assert written == list(range(written[0], NEWEST_VERSION + 1))


def test_the_least_version_of_each_thing() -> None:
    """What is taken away from a module, the less it needs: the numbers are those of libsepol's `policydb.h`."""
    found = module("module-21")

    def least(changed: Module) -> int:
        for version in range(OLDEST_VERSION, NEWEST_VERSION + 1):
            try:
                write_module(changed, version)
            except SelboxError:
                continue
            return version
        raise AssertionError

    def without(changed: Module, **fields: Any) -> Module:
        blocks = [tuple(each._replace(**fields) for each in block) for block in changed.blocks]
        return changed._replace(blocks=blocks)

    assert least(found) == 21
    no_self = [each._replace(flags=0) for each in found.blocks[0][0].filename_transitions]
    found = without(found, filename_transitions=no_self)
    assert least(found) == 18
    found = without(found, rules=(), conditionals=())
    assert least(found) == 14, "it has a tunable"
    found = without(found, filename_transitions=())
    booleans = found.tables.booleans
    plain = {name: each._replace(tunable=False) for name, each in booleans.symbols.items()}
    found = found._replace(tables=found.tables._replace(booleans=booleans._replace(symbols=plain)))
    assert least(found) == 13, "it has an attribute of roles"


def test_what_only_silences_is_left_out_with_a_warning() -> None:
    found = module("small")
    types = found.tables.types
    name = next(iter(types.symbols))
    silent = types._replace(symbols={**types.symbols, name: types.symbols[name]._replace(flags=NEVERAUDIT)})
    changed = found._replace(tables=found.tables._replace(types=silent))
    diagnostics = Diagnostics()
    assert read_module(write_module(changed, 22, diagnostics), "m") == found._replace(format_version=22)
    assert [each.code for each in diagnostics.warnings] == ["binary-dropped"]
    assert read_module(write_module(changed, 23, diagnostics), "m") == changed._replace(format_version=23)
    assert len(diagnostics.warnings) == 1


@pytest.mark.parametrize("version", [OLDEST_VERSION - 1, NEWEST_VERSION + 1])
def test_other_versions_are_refused(version: int) -> None:
    with pytest.raises(SelboxError, match=f"module version {version} cannot be written"):
        write_module(module("small"), version)


@pytest.mark.parametrize("name", ["module-21", "module-4", "base-21", "base-5"])
def test_whatever_can_be_read_is_written_with_the_same_meaning(name: str) -> None:
    data = module_bytes(name)
    chance = random.Random(name)  # noqa: S311 - to vary inputs, not to keep a secret
    read = 0
    for _ in range(120):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 1, 2))):
            at = chance.randrange(len(changed) - 4)
            pack_into("<I", changed, at, chance.choice((0, 1, 2, 3, 0x40, 0xFFFFFFFF, chance.getrandbits(32))))
        try:
            found = read_module(bytes(changed), name)
        except SelboxError:
            continue
        read += 1
        assert read_module(write_module(found), name) == found
    assert read > 10


def same(content: bytes) -> bool:
    """Tell whether a package of the reference programs is written again as it was."""
    sections = split_package(content, "p")
    return join_package(sections._replace(module=write_module(read_module(sections.module, "p")))) == content


@pytest.mark.oracle
@requires_module_programs
@pytest.mark.parametrize("mls", [False, True])
@pytest.mark.parametrize("version", VERSIONS)
def test_every_statement_in_every_version_is_written_as_it_was(version: int, mls: bool) -> None:
    options = ["-c", str(version), *(["-M"] if mls else [])]
    texts = {"file_contexts": "/x u:r:t\n", "netfilter_contexts": "x\n"}
    of_base = {**texts, "seusers": "u:u\n", "users_extra": "user u;\n"}
    if not mls or version > OLDEST_VERSION:
        assert same(package(module_source(version, mls=mls), "-m", *options, texts=texts))
        assert same(package(base_source(version, mls=mls), *options, texts=of_base))


@pytest.mark.oracle
@requires_module_programs
@pytest.mark.parametrize("seed", range(15))
def test_random_modules_are_written_as_they_were(seed: int) -> None:
    assert same(package(random_module(seed), "-m"))
