"""The places of a compiled policy, kept beside its binary."""

import random
from array import array
from collections import Counter
from functools import cache

import pytest
from tests.binary.kernel.binaries import CIL_BY_VERSION

from selbox.binary.kernel import read_policy, write_policy
from selbox.binary.origins import with_origins, write_origins
from selbox.binary.origins.container import Contents, pack, unpack
from selbox.compiler.compile import compile_policy
from selbox.diagnostics import Diagnostics, SelboxError, SourceFile
from selbox.language.cil import parse
from selbox.model.origin import Origin
from selbox.model.policy import Policy

MORE = """\
(allow ta tb (file (read))) (allow ta tb (file (read getattr)))
(dontaudit ta tb (file (open))) (dontaudit ta tb (file (ioctl)))
(allowx ta tb (ioctl file (0x1102))) (allowx ta tb (ioctl file (0x1100)))
(typetransition ta tb process tc)
(booleanif b0 (true (allow tc td (file (read))) (allow tc td (file (read)))))
(roleallow ra rb)
"""


@cache
def compiled() -> Policy:
    sources = SourceFile("policy.cil", CIL_BY_VERSION[33]), SourceFile("more.cil", MORE)
    policy = compile_policy([parse(each) for each in sources])
    # The compiler joins extended rules itself; policies of other makers need not.
    first = next(rule for rule in policy.extended_rules if rule.permissions.bit_count() > 1)
    lowest = first.permissions & -first.permissions
    parts = first._replace(permissions=lowest), first._replace(permissions=first.permissions ^ lowest, origin=1)
    rest = tuple(rule for rule in policy.extended_rules if rule is not first)
    return policy._replace(extended_rules=(*parts, *rest))


@cache
def binary() -> bytes:
    return write_policy(compiled())


@cache
def origins() -> bytes:
    return write_origins(compiled(), binary())


def read(data: bytes) -> Policy:
    return with_origins(read_policy(binary(), "policy.33"), binary(), data, "policy.origins")


def statements(policy: Policy) -> Counter[tuple[object, ...]]:
    rules = [(*rule[:-1], policy.origin(rule.origin)) for rule in policy.rules]
    return Counter(rules + [(*rule[:-1], policy.origin(rule.origin)) for rule in policy.extended_rules])


def test_every_statement_has_its_place_again() -> None:
    policy = read(origins())
    assert statements(policy) == statements(compiled())
    assert len(policy.rules) > len(read_policy(binary(), "policy.33").rules)
    assert all(policy.rules.origin)


def test_the_policy_with_places_is_written_as_the_binary_that_it_came_from() -> None:
    assert write_policy(read(origins())) == binary()


@pytest.mark.parametrize(
    "field",
    [
        "named_transitions",
        "range_transitions",
        "role_allows",
        "role_transitions",
        "constraints",
        "validate_transitions",
    ],
)
def test_transitions_and_constraints_have_their_places(field: str) -> None:
    def places(policy: Policy) -> list[Origin | None]:
        return sorted(dict.fromkeys(policy.origin(each.origin) for each in getattr(policy, field)), key=str)

    assert places(read(origins())) == places(compiled())
    assert None not in places(compiled())


def test_labels_have_their_places() -> None:
    policy = read(origins())
    lines = CIL_BY_VERSION[33].splitlines()
    for field in ("port_contexts", "node_contexts", "interface_contexts", "filesystem_uses", "genfs_contexts"):
        for label in getattr(policy, field):
            origin = policy.origin(label.origin)
            assert origin is not None
            keyword = {"port": "(portcon", "node": "(nodecon", "interface": "(netifcon"}.get(field.split("_")[0])
            expected = keyword or ("(fsuse" if field == "filesystem_uses" else "(genfscon")
            assert lines[origin.line - 1][origin.column - 1 :].startswith(expected)


def test_places_of_another_binary_are_refused() -> None:
    other = write_policy(read_policy(binary(), "policy.33"), 32)
    with pytest.raises(SelboxError) as caught:
        with_origins(read_policy(other, "policy.32"), other, origins(), "policy.origins")
    assert caught.value.diagnostics[0].code == "origins-other-binary"


def test_a_binary_of_another_policy_has_no_places() -> None:
    policy = compiled()
    rules = policy._replace(role_allows=(), rules=read_policy(binary(), "").rules)
    assert write_origins(rules, binary())
    with pytest.raises(SelboxError) as caught:
        write_origins(policy._replace(extended_rules=policy.extended_rules[:1]), binary())
    assert caught.value.diagnostics[0].code == "origins-mismatch"


def changed(column: str, numbers: list[int]) -> bytes:
    contents = unpack(origins(), binary(), "")
    columns = {**contents.columns, column: array("I", numbers)}
    return pack(Contents(contents.files, columns), binary())


def numbers(column: str) -> list[int]:
    return list(unpack(origins(), binary(), "").columns[column])


@pytest.mark.parametrize(
    ("column", "change", "code"),
    [
        ("rule.data", lambda data: [data[0] ^ 1 << 31, *data[1:]], "origins-mismatch"),
        ("rule.data", lambda data: [*data, 1], "origins-mismatch"),
        ("rule.data", lambda data: data[:-1], "origins-mismatch"),
        ("rule.count", lambda counts: counts[:-1], "origins-mismatch"),
        ("rule.count", lambda counts: [0, *counts[1:]], "origins-mismatch"),
        ("rule.count", lambda counts: [0xFFFFFFFF, *counts[1:]], "origins-mismatch"),
        ("rule.origin", lambda places: [0xFFFF, *places[1:]], "origins-corrupt"),
        ("extended.data", lambda data: [data[0] ^ 1 << 31, *data[1:]], "origins-mismatch"),
        ("extended.data", lambda data: data[:-1], "origins-mismatch"),
        ("constraints", lambda places: places[:-1], "origins-mismatch"),
        ("place.file", lambda files: [9, *files[1:]], "origins-corrupt"),
        ("place.line", lambda lines: lines[:-1], "origins-corrupt"),
    ],
)
def test_parts_that_do_not_come_to_the_policy_are_refused(column: str, change: object, code: str) -> None:
    assert callable(change)
    with pytest.raises(SelboxError) as caught:
        read(changed(column, change(numbers(column))))
    assert caught.value.diagnostics[0].code == code


def test_another_version_is_not_understood() -> None:
    with pytest.raises(SelboxError) as caught:
        read(origins().replace(b'{"version":1,', b'{"version":2,'))
    assert caught.value.diagnostics[0].code == "origins-unknown-version"


def test_statements_without_a_place_are_told() -> None:
    diagnostics = Diagnostics()
    data = changed("rule.origin", [0, *numbers("rule.origin")[1:]])
    with_origins(read_policy(binary(), ""), binary(), data, "policy.origins", diagnostics)
    assert [each.code for each in diagnostics.warnings] == ["origins-incomplete"]


def test_a_file_that_ends_anywhere_is_refused() -> None:
    for size in range(0, len(origins()), 3):
        with pytest.raises(SelboxError, match="file of places is broken"):
            read(origins()[:size])


def test_no_file_of_places_changes_the_rules() -> None:
    randomness = random.Random(7)  # noqa: S311 - nothing here is a secret
    for _ in range(1000):
        data = bytearray(origins())
        for _ in range(randomness.choice((1, 1, 2, 8))):
            data[randomness.randrange(len(data))] = randomness.randrange(256)
        policy = read_or_code(bytes(data))
        if isinstance(policy, str):
            assert policy.startswith("origins-")
        else:
            assert write_policy(policy) == binary()


def read_or_code(data: bytes) -> Policy | str:
    try:
        return read(data)
    except SelboxError as error:
        return error.diagnostics[0].code


def test_a_header_that_promises_too_much_takes_no_memory() -> None:
    data = origins()
    begin = data.index(b'"rule.count":') + len(b'"rule.count":')
    end = data.index(b",", begin)
    size = len(b"selbox origins\n")
    header = int.from_bytes(data[size : size + 4], "little")
    huge = b"4000000000"
    length = (header + len(huge) - (end - begin)).to_bytes(4, "little")
    with pytest.raises(SelboxError, match="cannot hold"):
        read(data[:size] + length + data[size + 4 : begin] + huge + data[end:])
