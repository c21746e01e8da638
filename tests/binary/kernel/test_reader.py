"""Binary policies of secilc, read: what they say is what their source says."""

import pytest
from tests.binary.kernel.binaries import everything
from tests.oracles.secilc import requires_secilc

from selbox.binary.kernel import write_policy
from selbox.binary.kernel.reader import read_policy
from selbox.diagnostics import Diagnostics, SelboxError
from selbox.model.bitset import members
from selbox.model.constraint import CompareNames
from selbox.model.context_text import format_context
from selbox.model.extended import ExtendedSpecifier
from selbox.model.labelling import FileKind
from selbox.model.objectclass import DefaultFrom, DefaultRange
from selbox.model.policy import HandleUnknown, Policy
from selbox.model.rules import RuleKind

pytestmark = [pytest.mark.oracle, requires_secilc]


@pytest.fixture(scope="module")
def policy() -> Policy:
    diagnostics = Diagnostics()
    policy = read_policy(everything(33), "policy.33", diagnostics)
    assert not diagnostics.warnings
    return policy


def names(policy: Policy, types: int) -> set[str]:
    return {policy.types[each].name for each in members(types)}


def test_symbols_have_the_numbers_of_the_source(policy: Policy) -> None:
    assert [each.name for each in policy.classes] == ["process", "file", "dir", "chr_file"]
    assert policy.classes[1].permissions == ("read", "write", "getattr", "ioctl", "open")
    assert policy.classes[1].common == "cf"
    assert [each.name for each in policy.roles] == ["object_r", "ra", "rb"]
    assert [(each.name, each.default) for each in policy.booleans] == [("b0", True), ("b1", False)]
    assert [(each.name, each.aliases) for each in policy.sensitivities] == [("s0", ("sa",)), ("s1", ())]
    assert [(each.name, each.aliases) for each in policy.categories] == [("c0", ()), ("c1", ("ca",)), ("c2", ())]
    assert policy.sensitivities[0].categories == 0b11
    assert policy.handle_unknown is HandleUnknown.ALLOW
    assert policy.mls
    assert policy.policy_capabilities == {"open_perms", "extended_socket_class"}


def test_types_know_their_attributes_aliases_and_bounds(policy: Policy) -> None:
    types = {each.name: each for each in policy.types}
    assert types["a0"].is_attribute
    assert names(policy, types["a0"].types) == {"ta", "tb"}
    assert names(policy, types["a1"].types) == {"ta", "tb", "td"}
    assert set(types["ta"].aliases) == {"tal", "tal2"}
    assert types["td"].bounds == policy.type_ids["ta"]
    assert [each.name for each in policy.types if each.permissive] == ["tb"]


def test_users_roles_and_contexts(policy: Policy) -> None:
    unlabeled = policy.initial_sids[2].context
    assert unlabeled is not None
    assert format_context(policy, unlabeled) == "ua:object_r:ta:s0-s1:c0,c1"
    assert policy.initial_sids[1].context is None
    assert names(policy, policy.roles[1].types) == {"ta", "tb"}
    assert policy.roles[1].dominates == 0b10
    assert list(members(policy.users[0].roles)) == [1, 2]  # object_r goes without saying
    assert policy.users[1].default_level.categories == 1


def test_class_defaults(policy: Policy) -> None:
    file, directory = policy.classes[1], policy.classes[2]
    assert (file.default_user, file.default_role) == (DefaultFrom.SOURCE, DefaultFrom.TARGET)
    assert file.default_range is DefaultRange.GLBLUB
    assert (directory.default_type, directory.default_range) == (DefaultFrom.SOURCE, DefaultRange.TARGET_LOW_HIGH)


def test_rules_are_merged_and_dontaudit_is_as_written(policy: Policy) -> None:
    rows = {
        (
            each.kind,
            policy.types[each.source].name,
            policy.types[each.target].name,
            each.object_class,
            each.condition,
        ): each.data
        for each in policy.rules
    }
    assert rows[RuleKind.ALLOW, "ta", "tb", 1, 0] == 0b1011
    assert rows[RuleKind.DONTAUDIT, "ta", "tb", 1, 0] == 0b10000
    assert rows[RuleKind.ALLOW, "a0", "a1", 0, 0] == 1
    assert rows[RuleKind.TYPE_MEMBER, "ta", "tb", 2, 0] == policy.type_ids["tc"]
    conditions = {each.condition for each in policy.rules}
    assert len(policy.conditionals) == 3
    assert conditions <= set(range(7))


def test_extended_rules(policy: Policy) -> None:
    rules = {(each.specifier, each.driver, each.permissions) for each in policy.extended_rules}
    assert (ExtendedSpecifier.IOCTL_FUNCTION, 0x11, 0b11) in rules
    assert (ExtendedSpecifier.IOCTL_DRIVER, 0, 1 << 0x12) in rules


def test_constraints_hold_the_names_of_their_author(policy: Policy) -> None:
    terms = [
        (term.left.value, names(policy, term.ids), term.names)
        for constraint in policy.constraints
        for term in constraint.expression
        if isinstance(term, CompareNames) and term.left.value.startswith("t")
    ]
    assert ("t1", {"ta", "tb"}, ("a0",)) in terms
    assert sum(each.is_mls for each in policy.constraints) == 2
    assert len(policy.constraints) == 5
    assert [each.is_mls for each in policy.validate_transitions].count(True) == 1


def test_labels(policy: Policy) -> None:
    assert {(each.protocol, each.low, each.high) for each in policy.port_contexts} >= {("tcp", 80, 80), ("sctp", 5, 5)}
    assert {len(each.address) for each in policy.node_contexts} == {4, 16}
    assert {(each.filesystem, each.path, each.kind) for each in policy.genfs_contexts} >= {
        ("proc", "/abc", FileKind.FILE),
        ("sysfs", "/", FileKind.ANY),
    }
    assert [(each.device, each.port) for each in policy.infiniband_ports] == [("mlx4_0", 1)]
    assert policy.infiniband_keys[0].subnet_prefix == b"\xfe\x80" + bytes(6)


@pytest.mark.parametrize("version", range(24, 34))
def test_every_version_is_read(version: int) -> None:
    policy = read_policy(everything(version), "policy")
    assert len(policy.types) == 7
    assert bool(policy.named_transitions) == (version >= 25)
    assert len(policy.role_transitions) == (0 if version < 26 else 3)  # secilc does not know which class is process
    assert bool(policy.extended_rules) == (version >= 30)


def test_a_file_that_ends_anywhere_is_an_error_with_section_and_offset() -> None:
    data = everything(33)
    for size in range(0, len(data), 7):
        with pytest.raises(SelboxError) as caught:
            read_policy(data[:size], "cut.33")
        diagnostic = caught.value.diagnostics[0]
        assert diagnostic.code in ("binary-truncated", "binary-corrupt")
        assert "section `" in diagnostic.message
        assert "byte" in diagnostic.message


def test_categories_that_do_not_exist_are_refused(policy: Policy) -> None:
    first = policy.sensitivities[0]
    beyond = first._replace(categories=first.categories | 1 << len(policy.categories))
    data = write_policy(policy._replace(sensitivities=(beyond, *policy.sensitivities[1:])), 33)
    with pytest.raises(SelboxError, match=f"section `sensitivities`, byte [0-9]+: sensitivity `{first.name}`"):
        read_policy(data, "policy.33")
