"""Files that are broken, by hand and at random: refused with a place, or read."""

import random
import re
from collections.abc import Callable
from functools import cache

import pytest
from fuzz_kernel import mutate, run
from tests.binary.kernel.binaries import CIL_BY_VERSION

from selbox.binary.kernel import read_policy, write_policy
from selbox.compiler.compile import compile_policy
from selbox.diagnostics import Diagnostics, SelboxError, SourceFile
from selbox.language.cil import parse
from selbox.model.policy import HandleUnknown, Policy

VERSION, CONFIG, SYMBOL_TABLES, CAPABILITIES = 16, 20, 24, 32
"""Offsets in the header of a policy for SELinux."""


@cache
def policy() -> Policy:
    return compile_policy([parse(SourceFile("policy.cil", CIL_BY_VERSION[33]))])


@cache
def binary() -> bytes:
    return write_policy(policy())


def patched(offset: int, number: int) -> bytes:
    return binary()[:offset] + number.to_bytes(4, "little") + binary()[offset + 4 :]


def refusal(data: bytes) -> tuple[str, str]:
    with pytest.raises(SelboxError) as caught:
        read_policy(data, "policy.33")
    return caught.value.diagnostics[0].code, caught.value.diagnostics[0].message


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (lambda: b"", "binary-truncated", "section `header`"),
        (lambda: b"(allow a b (c (d)))", "binary-not-a-policy", "begins with 0x6c6c6128"),
        (lambda: patched(VERSION, 23), "binary-unknown-version", "version 23, and versions 24 to 35"),
        (lambda: patched(VERSION, 36), "binary-unknown-version", "version 36"),
        (lambda: patched(VERSION, 30), "binary-corrupt", "byte 24: .* 7 of contexts, not 8 and 9"),
        (lambda: patched(SYMBOL_TABLES, 7), "binary-corrupt", "not 7 and 9"),
        (lambda: binary().replace(b"SE Linux", b"SE linux"), "binary-corrupt", "the policy is for `SE linux`"),
        (lambda: binary().replace(b"\x01\0\0\0fork", b"\x04\0\0\0fork"), "binary-corrupt", "`fork` has number 4 of 3"),
        (lambda: binary().replace(b"transition", b"fork\0\0\0\0\0\0"), "binary-corrupt", "cannot be a name"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(data: Callable[[], bytes], code: str, words: str) -> None:
    found, message = refusal(data())
    assert found == code
    assert re.search(words, message), message


def test_bounds_that_lead_back_are_refused() -> None:
    types = list(policy().types)
    types[:2] = types[0]._replace(bounds=1), types[1]._replace(bounds=0)
    code, message = refusal(write_policy(policy()._replace(types=tuple(types))))
    assert code == "binary-corrupt"
    assert "is bounded by itself" in message


def test_a_context_whose_parts_may_not_stand_together_is_refused() -> None:
    sid = policy().initial_sids[0]
    assert sid.context is not None
    wrong = sid._replace(context=sid.context._replace(type=policy().type_ids["tc"]))
    code, message = refusal(write_policy(policy()._replace(initial_sids=(wrong,))))
    assert code == "binary-corrupt"
    assert "section `initial SIDs`" in message
    assert "role `ra` may not have type number 3" in message


def test_unknown_configuration_and_capabilities_are_kept_and_told() -> None:
    strange = policy()._replace(unknown_config=1 << 31 | 1 << 30, unknown_capabilities=1 << 200 | 1 << 40)
    data = write_policy(strange)
    diagnostics = Diagnostics()
    again = read_policy(data, "policy.33", diagnostics)
    assert [each.code for each in diagnostics.warnings] == ["binary-unknown-config", "binary-unknown-capability"]
    assert "0x40000000, 0x80000000" in diagnostics.warnings[0].message
    assert "number 40, 200" in diagnostics.warnings[1].message
    assert (again.unknown_config, again.unknown_capabilities) == (1 << 31 | 1 << 30, 1 << 200 | 1 << 40)
    assert write_policy(again) == data


def test_a_policy_that_allows_and_rejects_what_is_unknown_rejects_it_as_the_kernel_does() -> None:
    data = patched(CONFIG, 1 | 2 | 4)
    again = read_policy(data, "policy.33")
    assert again.handle_unknown is HandleUnknown.REJECT
    assert write_policy(again) == data


def test_bytes_after_the_end_are_told_and_ignored() -> None:
    diagnostics = Diagnostics()
    read_policy(binary() + b"abc", "policy.33", diagnostics)
    assert [each.code for each in diagnostics.warnings] == ["binary-trailing-bytes"]


def test_whatever_is_changed_is_refused_or_read_and_written() -> None:
    randomness = random.Random(24)  # noqa: S311 - nothing here is a secret
    seeds = [binary(), write_policy(policy()._replace(extended_rules=()), 24), write_policy(policy(), 35)]
    outcomes = set()
    for _ in range(1500):
        outcomes.add(outcome(mutate(randomness.choice(seeds), randomness.getrandbits(32), 1 << 16)))
    assert {"read", "binary-corrupt", "binary-truncated"} <= outcomes
    assert all(each == "read" or each.startswith("binary-") for each in outcomes)


def outcome(data: bytes) -> str:
    try:
        run(data)
    except SelboxError as error:
        return error.diagnostics[0].code
    return "read"
