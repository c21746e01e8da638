"""Statements and versions that the programs of most systems do not know yet, beside what newer programs say of them."""

import re

import pytest
from tests.compiler.policies import compile_texts
from tests.oracles.newer import RECORDED, SOURCES, complete

from selbox.binary.kernel import read_policy, write_policy
from selbox.compiler.text.cil import policy_to_cil
from selbox.compiler.text.policylanguage import policy_to_language
from selbox.model.policy import Policy
from selbox.model.rules import ACCESS_KINDS

NOT_ALIKE = re.compile(r"# |\(expandtypeattribute | +\(?(allow|auditallow|dontaudit) ")
"""What one of the two writers adds; and conditional access rules, which the other does not join."""


def compiled(name: str) -> Policy:
    """Return our policy of a source, as its binary has it."""
    return read_policy(write_policy(compile_texts(complete(name)), SOURCES[name].version), "ours")


def recorded(name: str, ending: str) -> bytes:
    return (RECORDED / f"{name}.{ending}").read_bytes()


@pytest.mark.parametrize("name", SOURCES)
def test_the_same_policy_is_compiled(name: str) -> None:
    theirs = read_policy(recorded(name, "policy"), "theirs")
    assert policy_to_cil(compiled(name)) == policy_to_cil(theirs)


@pytest.mark.parametrize("name", SOURCES)
def test_binaries_are_written_again_byte_for_byte(name: str) -> None:
    binary = recorded(name, "policy")
    assert write_policy(read_policy(binary, "policy"), SOURCES[name].version) == binary


def unified(text: str) -> set[str]:
    """Return the lines of a text without what is known to differ between the two writers."""
    lines = (re.sub(r"^(\(?)mls(?=constrain|validatetrans)", r"\1", line) for line in text.splitlines())
    return {line.replace(": ", ":") for line in lines if not NOT_ALIKE.match(line)}


@pytest.mark.parametrize("name", SOURCES)
def test_texts_are_the_same(name: str) -> None:
    policy = compiled(name)
    for ending, text in (("cil", policy_to_cil(policy)), ("conf", policy_to_language(policy))):
        assert unified(text) == unified(recorded(name, ending).decode())


def test_every_record_has_its_source() -> None:
    assert {each.name for each in RECORDED.iterdir()} == {
        f"{name}.{ending}" for name in SOURCES for ending in ("policy", "cil", "conf")
    }


def test_rules_stand_in_a_condition_as_they_were_met_also_those_that_calls_bring_in() -> None:
    name = "calls-in-a-condition"
    ours, theirs = (
        [each[:6] for each in policy.rules if each.condition and each.kind in ACCESS_KINDS]
        for policy in (compiled(name), read_policy(recorded(name, "policy"), "theirs"))
    )
    assert len(ours) == 8
    assert ours == theirs
