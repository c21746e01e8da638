"""Random policies: secilc and we take the same ones, and make the same of them."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.compiler.policies import BASE, codes_with_base, compile_with_base
from tests.oracles.policylines import policy_lines
from tests.oracles.secilc import compile_reference, requires_setools

from selbox.binary.kernel import write_policy

SCOPES = ["", "", "b0.", ".b1.", ".", "b2."]
"""``t0`` and ``at0`` are declared in each of them, so that a look-up in the wrong order shows."""

type_names = st.one_of(
    st.sampled_from(["a", "b", "c", "d", "kernel_t", "domain", "filetype", "both"]),
    st.builds(str.__add__, st.sampled_from(SCOPES), st.sampled_from(["t0", "at0"])),
)
single_types = st.one_of(st.sampled_from(["a", "b", "c", "d", "kernel_t"]), st.sampled_from(SCOPES).map("{}t0".format))
risky_names = st.one_of(type_names, st.sampled_from(["gone", "b0.inner.t0", "b3.t0", "b1.made", "made", "u1", "b4.t0"]))
permission_names = st.sampled_from(["read", "write", "open", "execute", "getattr"])
permission_sets = st.recursive(
    st.lists(permission_names, min_size=1, max_size=3).map(" ".join),
    lambda inner: st.one_of(
        st.builds("(not ({}))".format, inner),
        st.builds("({} ({}) ({}))".format, st.sampled_from(["and", "or", "xor"]), inner, inner),
        st.just("(all)"),
    ),
    max_leaves=4,
)
class_permissions = st.builds("(file ({}))".format, permission_sets)
type_sets = st.recursive(
    type_names,
    lambda inner: st.one_of(
        st.builds("(not {})".format, inner),
        st.builds("({} {} {})".format, st.sampled_from(["and", "or", "xor"]), inner, inner),
        st.builds("({} {})".format, inner, inner),
    ),
    max_leaves=4,
)
categories = st.sampled_from(["", "(c0)", "(c1 c3)", "(range c1 c3)", "(all)", "(not (c2))", "(and (c0 c1) (c1 c2))"])
levels = st.builds("({} {})".format, st.sampled_from(["s0", "s1", "s2"]), categories)
rules = st.one_of(
    st.builds(
        "({} {} {} {})".format,
        st.sampled_from(["allow", "dontaudit", "auditallow"]),
        type_names,
        st.one_of(type_names, st.just("self")),
        class_permissions,
    ),
    st.builds(
        "(typetransition {} {} {} {})".format, type_names, type_names, st.sampled_from(["file", "dir"]), single_types
    ),
)
risky_rules = st.builds("(allow {} {} (file (write)))".format, risky_names, risky_names)
declarations = st.builds("(type u{})".format, st.integers(0, 40))
statements = st.one_of(
    rules,
    rules,
    declarations,
    st.builds("(typeattributeset {} {})".format, st.sampled_from(["at0", "domain", "b0.at0"]), type_sets),
    st.builds("(typeattributeset at0 (a {}))".format, st.sampled_from(["b", "t0", "b0.t0", "c"])),
    st.builds("(roletype system_r {})".format, type_names),
    st.builds("(rangetransition {} {} process ((s0) {}))".format, type_names, type_names, levels),
    st.builds("(roletransition system_r {} process staff_r)".format, type_names),
    st.builds(
        '(typetransition {} {} file "{}" {})'.format, type_names, type_names, st.sampled_from("no"), single_types
    ),
    st.builds("(call {} ({}))".format, st.sampled_from(["m0", "m1", "m1", "b0.m0", "b1.m0"]), type_names),
    st.builds("(typepermissive {})".format, st.sampled_from(["a", "b0.t0", "t0"])),
    st.builds("(constrain (file (read)) (or (eq t1 {}) (neq t2 {})))".format, type_names, type_names),
    st.builds("(booleanif flag (true {}) (false {}))".format, rules, rules),
    st.builds("(tunableif tune (true {}) (false {}))".format, rules, declarations),
    st.builds(
        "(optional o{} {})".format,
        st.integers(0, 3),
        st.lists(risky_rules | declarations | rules, max_size=3).map(" ".join),
    ),
)
bodies = st.lists(statements, max_size=4).map(" ".join)
macro_bodies = st.lists(
    st.one_of(
        rules,
        st.builds("(allow x {} (file (open)))".format, type_names),
        st.builds("(typetransition x {} dir {})".format, type_names, single_types),
        st.sampled_from(["(call m0 (x))", "(type made)", "(allow x made (file (read)))", "(type x2)"]),
    ),
    max_size=3,
).map(" ".join)
LOCAL = "(type t0) (typeattribute at0) (typeattributeset at0 t0)"
inner_blocks = st.one_of(st.just(""), st.builds(f"(block inner {LOCAL} {{}})".format, bodies))
inheritances = st.sampled_from(["", "", "(blockinherit b3)", "(blockinherit b4)", "(blockinherit .b3)"])
inner_macros = st.one_of(st.just(""), st.builds("(macro m0 ((type x)) {})".format, macro_bodies))
abstract_blocks = st.builds(
    "(type ours) (allow ours t0 (file (read))) {} {} {} {}".format,
    bodies,
    inner_blocks,
    inner_macros,
    st.sampled_from(["", "(blockinherit b4)"]),
)
blocks = st.builds("{} {} {} {}".format, bodies, inner_blocks, inheritances, inner_macros)
insertions = st.one_of(
    st.just(""),
    st.builds(
        "(in {} (type added) {})".format,
        st.sampled_from(["b0", "before b1", "after b1", "b3", "b0.inner", "after b0.inner", "b2"]),
        bodies,
    ),
)
policies = st.builds(
    f"(boolean flag true) {LOCAL} (tunable tune {{}}) {{}} (macro m0 ((type x)) {{}}) (macro m1 ((type x)) {{}}) "
    f"(block b0 {LOCAL} {{}}) (block b1 {LOCAL} {{}}) (block b2 {LOCAL}) (block b3 (blockabstract b3) {{}}) "
    "(block b4 {} (type four)) {} {}".format,
    st.sampled_from(["true", "false"]),
    bodies,
    st.builds("(allow x {} (file (open)))".format, type_names),
    macro_bodies,
    blocks,
    blocks,
    abstract_blocks,
    st.sampled_from(["", "(blockabstract b4)"]),
    insertions,
    bodies,
)


@pytest.mark.oracle
@requires_setools
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,  # the same policies each time, so that a change is judged by its own doing
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(policies)
def test_same_policies_taken_and_same_meaning(text: str) -> None:
    reference = compile_reference(BASE, text)
    refused = codes_with_base(text)
    assert bool(refused) == bool(reference.error), (refused, reference.error)
    if refused or reference.lines == {"unreadable"}:
        return
    policy = compile_with_base(text)
    assert sorted(policy_lines(policy) ^ reference.lines) == []
    assert write_policy(policy, 33) == reference.binary
