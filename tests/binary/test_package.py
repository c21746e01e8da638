"""Packages: sections, and what is wrong with them."""

from struct import pack

import pytest
from tests.binary.packages import seed

from selbox.binary.package import read_package, split_package
from selbox.diagnostics import Diagnostics, SelboxError

MODULE, FILE_CONTEXTS, SEUSERS, USERS_EXTRA, NETFILTER = 0xF97CFF8D, 0xF97CFF90, 0x097CFF91, 0x097CFF92, 0x097CFF93


def package(*sections: bytes, count: int | None = None) -> bytes:
    """A package of sections, each with its magic number."""
    number = len(sections) if count is None else count
    offset = 12 + 4 * number
    offsets = []
    for section in sections:
        offsets.append(offset)
        offset += len(section)
    return pack(f"<III{len(offsets)}I", 0xF97CFF8F, 1, number, *offsets) + b"".join(sections)


def section(magic: int, text: bytes = b"") -> bytes:
    return pack("<I", magic) + text


def code(data: bytes) -> str:
    with pytest.raises(SelboxError) as caught:
        split_package(data, "p.pp")
    return caught.value.diagnostics[0].code


def test_sections_may_stand_in_any_order() -> None:
    data = package(
        section(NETFILTER, b"n"),
        section(USERS_EXTRA, b"u"),
        section(SEUSERS, b"s"),
        section(FILE_CONTEXTS, b"f"),
        section(MODULE, b"rest"),
    )
    found = split_package(data, "p.pp")
    assert (found.netfilter_contexts, found.users_extra, found.seusers, found.file_contexts) == (b"n", b"u", b"s", b"f")
    assert found.module == section(MODULE, b"rest") == data[found.module_offset :]


def test_texts_of_a_real_package() -> None:
    found = read_package(seed("base-21"), "base.pp")
    assert found.file_contexts.startswith("# comment\n/usr/bin/x\t--\tsystem_u:object_r:a_t:s0\n")
    assert found.seusers.startswith("root:system_u:s0-s1:c0.c2\n")
    assert found.users_extra == "user system_u prefix user;\nuser staff_u prefix staff;\n"
    assert found.netfilter_contexts == "x\n"
    assert found.module.is_base


def test_bytes_that_are_no_text_are_kept() -> None:
    data = seed("small") + b"\xff\xfe"
    assert read_package(data, "p.pp").file_contexts.encode(errors="surrogateescape").endswith(b"\xff\xfe")


def test_unknown_sections_are_ignored_with_a_warning() -> None:
    diagnostics = Diagnostics()
    assert split_package(package(section(MODULE), section(0x12345678)), "p.pp", diagnostics).module
    assert [each.code for each in diagnostics.warnings] == ["binary-unknown-section"]


def test_sections_of_one_kind_are_there_once() -> None:
    assert code(package(section(MODULE), section(SEUSERS), section(SEUSERS))) == "binary-duplicate-section"


@pytest.mark.parametrize("data", [package(), package(section(FILE_CONTEXTS, b"/x u:r:t\n"))])
def test_a_package_without_a_module_is_refused(data: bytes) -> None:
    assert code(data) == "binary-no-module"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x8d\xff\x7c\xf9" + bytes(20), id="a module"),
        pytest.param(pack("<III", 0xF97CFF8F, 1, 101) + bytes(500), id="too many sections"),
        pytest.param(pack("<IIII", 0xF97CFF8F, 1, 1, 1000) + bytes(50), id="a section past the end"),
        pytest.param(pack("<IIIII", 0xF97CFF8F, 1, 2, 24, 20) + section(MODULE) * 2, id="sections that go backwards"),
        pytest.param(package(section(MODULE), b"abc"), id="a section without a magic number"),
    ],
)
def test_mangled_headers_are_refused(data: bytes) -> None:
    assert code(data) == "binary-corrupt"


def test_offsets_in_messages_are_those_of_the_package() -> None:
    data = seed("small")
    offset = split_package(data, "p.pp").module_offset
    mangled = data[: offset + 4] + b"\x0e" + data[offset + 5 :]
    with pytest.raises(SelboxError, match=f"`header`, byte {offset + 4}:"):
        read_package(mangled, "p.pp")


def test_a_package_that_is_cut_off_is_refused() -> None:
    data = seed("small")
    module = split_package(data, "p.pp")
    for size in range(module.module_offset + len(module.module)):
        with pytest.raises(SelboxError) as caught:
            read_package(data[:size], "p.pp")
        assert caught.value.diagnostics[0].code in ("binary-truncated", "binary-corrupt")
