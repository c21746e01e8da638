"""CIL text of policies: compiled again, it is the same policy."""

from tests.compiler.policies import BASE, compile_texts, compile_with_base
from tests.oracles.policylines import policy_lines

from selbox.compiler.text.cil import policy_to_cil
from selbox.model.policy import Policy


def assert_same_again(policy: Policy) -> None:
    text = policy_to_cil(policy)
    again = compile_texts(text)
    assert policy_lines(again) == policy_lines(policy)


def test_base_policy_is_the_same_again() -> None:
    assert_same_again(compile_texts(BASE))


def test_names_with_dots_are_declared_in_blocks() -> None:
    policy = compile_with_base(
        "(block b (type t) (role r) (boolean f true) (block inner (type t) (typeattribute at) (typeattributeset at t))"
        "(roletype r t) (userrole u r) (user u) (userlevel u (s0)) (userrange u ((s0) (s0))))"
        "(allow b.t b.inner.t (file (read))) (booleanif b.f (true (allow b.inner.at a (file (write)))))"
    )
    text = policy_to_cil(policy)
    assert "(block b\n    (type t)\n    (role r)\n" in text.replace("    (boolean f true)\n", "")
    assert "(allow b.t b.inner.t (file (read)))\n" in text
    assert_same_again(policy)
