"""Binary policies written: the bytes of libsepol's compilers."""

from struct import unpack_from

import pytest
from tests.binary.kernel.binaries import everything
from tests.oracles.secilc import requires_secilc

from selbox.binary.kernel import read_policy, write_policy
from selbox.diagnostics import Diagnostics, SelboxError

pytestmark = [pytest.mark.oracle, requires_secilc]


@pytest.mark.parametrize("version", range(24, 34))
def test_a_policy_of_secilc_read_and_written_is_the_same_bytes(version: int) -> None:
    data = everything(version)
    diagnostics = Diagnostics()
    assert write_policy(read_policy(data, "policy"), version, diagnostics) == data
    assert not diagnostics.warnings


@pytest.mark.parametrize("is_on", [False, True])
def test_rules_that_were_read_are_written_as_their_columns_are(is_on: bool) -> None:
    policy = read_policy(everything(33), "policy")
    policy = policy._replace(booleans=tuple(each._replace(default=is_on) for each in policy.booleans))
    columns = policy.rules.select(range(len(policy.rules)))
    assert write_policy(policy) == write_policy(policy._replace(rules=columns))


@pytest.mark.parametrize("version", range(30, 34))
def test_what_an_older_version_cannot_say_is_left_out_as_libsepol_does(version: int) -> None:
    diagnostics = Diagnostics()
    assert write_policy(read_policy(everything(33), "policy"), version, diagnostics) == everything(version)
    assert {each.code for each in diagnostics.warnings} <= {"binary-dropped"}
    assert bool(diagnostics.warnings) == (version < 32)


def test_extended_rules_are_no_matter_of_old_versions() -> None:
    with pytest.raises(SelboxError, match="version 29 cannot hold extended rules") as caught:
        write_policy(read_policy(everything(33), "policy"), 29)
    assert caught.value.diagnostics[0].code == "binary-unwritable"


def test_the_version_is_33_unless_the_policy_says_what_came_later() -> None:
    policy = read_policy(everything(30), "policy")
    assert unpack_from("<I", write_policy(policy), 16) == (33,)
    types = tuple(each._replace(neveraudit=True) for each in policy.types)
    assert unpack_from("<I", write_policy(policy._replace(types=types)), 16) == (35,)
    rules = tuple(each._replace(condition=1) for each in policy.extended_rules)
    assert unpack_from("<I", write_policy(policy._replace(extended_rules=rules)), 16) == (34,)


def test_what_came_later_is_read_again() -> None:
    policy = read_policy(everything(33), "policy")
    types = tuple(each._replace(neveraudit=index == 2) for index, each in enumerate(policy.types))
    rules = tuple(each._replace(condition=1) for each in policy.extended_rules)
    later = policy._replace(types=types, extended_rules=rules)
    again = read_policy(write_policy(later), "policy")
    assert again.types == types
    assert again.extended_rules == rules
    assert write_policy(again) == write_policy(later)


def test_a_version_that_does_not_exist_cannot_be_written() -> None:
    policy = read_policy(everything(33), "policy")
    for version in (23, 36):
        with pytest.raises(SelboxError) as caught:
            write_policy(policy, version)
        assert caught.value.diagnostics[0].code == "binary-unknown-version"
