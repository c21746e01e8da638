"""Texts of policies, from source or from a binary, compiled again: the same policy."""

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from tests.binary.kernel.binaries import everything
from tests.compiler.policies import BASE, compile_with_base, errors_of
from tests.compiler.text.facts import facts
from tests.compiler.text.random_statements import kernel_policies, policies, xen_policies
from tests.oracles.checkpolicy import compile_language
from tests.oracles.secilc import compile_reference, requires_secilc, requires_setools
from tests.server.random_policies import policies as small_policies
from tests.strength import tries

from selbox.binary.kernel import read_policy, write_policy
from selbox.compiler.compile import compile_policy
from selbox.compiler.options import CompileOptions
from selbox.compiler.text.cil import policy_to_cil
from selbox.compiler.text.policylanguage import policy_to_language
from selbox.diagnostics import SelboxError, SourceFile
from selbox.language.cil import parse
from selbox.model.policy import Policy, Target

quick = settings(
    max_examples=tries(40),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def compiled(*texts: str, target: Target = Target.SELINUX) -> Policy:
    trees = [parse(SourceFile(f"{index}.cil", text)) for index, text in enumerate(texts)]
    return compile_policy(trees, None, CompileOptions(target=target))


def assert_same_again(policy: Policy) -> None:
    text = policy_to_cil(policy)
    again = compiled(text, target=policy.target)
    assert facts(again) == facts(policy)


@quick
@given(small_policies())
def test_small_policies_from_source(text: str) -> None:
    assert_same_again(compiled(text))


@quick
@given(policies)
def test_policies_from_source(text: str) -> None:
    assume(not errors_of(BASE, text))
    assert_same_again(compile_with_base(text))


@quick
@given(kernel_policies)
def test_policies_from_a_binary(text: str) -> None:
    assume(not errors_of(BASE, text))
    assert_same_again(read_policy(write_policy(compile_with_base(text)), "policy"))


@pytest.mark.oracle
@requires_secilc
@pytest.mark.parametrize("version", range(24, 34))
def test_binaries_of_every_version(version: int) -> None:
    policy = read_policy(everything(version), "policy")
    assert_same_again(policy)
    again = read_policy(write_policy(compiled(policy_to_cil(policy)), version), "again")
    assert facts(again) == facts(policy)


def test_what_only_the_newest_versions_hold() -> None:
    policy = compile_with_base(
        "(class netlink (nlmsg)) (classorder (socket netlink)) (policycap netlink_xperm) (boolean flag true)"
        "(allowx a self (nlmsg netlink (0x10 (range 0x20 0x2f)))) (typeneveraudit b)"
        "(booleanif flag (true (allowx a b (ioctl file (0x1234)))))"
    )
    text = policy_to_cil(policy)
    assert "(allowx a self (nlmsg netlink ((0x10 (range 0x20 0x2f)))))\n" in text
    assert "        (allowx a b (ioctl file ((0x1234))))\n" in text
    assert "(typeneveraudit b)\n" in text
    assert_same_again(policy)
    assert_same_again(read_policy(write_policy(policy), "policy"))


@quick
@given(xen_policies)
def test_policies_for_xen_from_source(text: str) -> None:
    texts = (BASE, text)
    try:
        policy = compiled(*texts, target=Target.XEN)
    except SelboxError:
        assume(condition=False)
    assert_same_again(policy)


def test_a_policy_without_levels() -> None:
    policy = compiled(
        BASE.replace("(mls true)", "(mls false)"), "(netifcon lo {0} {0})".format("(system_u object_r a ((s0) (s0)))")
    )
    text = policy_to_cil(policy)
    assert "(mls false)\n(sensitivity s0)\n(sensitivityorder (s0))\n(level systemlow (s0))\n" in text
    assert "(netifcon lo (system_u object_r a (systemlow systemlow))" in text
    assert_same_again(policy)


def sayable(lines: set[str]) -> set[str]:
    """Return what the policy language can say of a policy's lines; checkpolicy counts aliases as unnamed levels."""
    return {line for line in lines if not line.startswith("rolebounds ") and "@" not in line}


@pytest.mark.oracle
@requires_setools
@settings(quick, max_examples=tries(40))
@given(kernel_policies)
def test_reference_compilers_make_the_same_of_both_texts(text: str) -> None:
    # The policy language cannot do without a constraint about levels.
    reference = compile_reference(BASE, text, "(mlsconstrain (socket (connect)) (dom h1 h2))")
    assume(not reference.error)
    policy = read_policy(reference.binary, "policy")
    again = compile_reference(policy_to_cil(policy))
    assert again.error == ""
    assert again.lines == reference.lines
    language = policy_to_language(policy)
    binary, lines = compile_language(language, policy.handle_unknown.value)
    assert sayable(lines) == sayable(reference.lines)
    assert sayable(facts(read_policy(binary, "policy"))) == sayable(facts(policy))


def test_paths_that_are_patterns_to_the_kernel() -> None:
    policy = compile_with_base(
        '(policycap genfs_seclabel_wildcard) (genfscon proc "/net" (system_u object_r a ((s0) (s0))))'
    )
    assert policy.genfs_contexts[0].path == "/net*"
    assert '(genfscon proc "/net" (system_u' in policy_to_cil(policy)
    assert_same_again(policy)
