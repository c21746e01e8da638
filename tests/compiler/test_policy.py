"""What secilc cannot show: ids, origins, and what stays as it was written."""

from tests.compiler.policies import BASE, compile_texts, compile_with_base, errors_of

from selbox.model.bitset import bitset
from selbox.model.rules import RuleKind


def test_object_role_is_role_0_with_every_type() -> None:
    policy = compile_with_base("(role first_r)")
    assert policy.roles[0].name == "object_r"
    assert policy.roles[0].types == bitset(index for index, each in enumerate(policy.types) if not each.is_attribute)


def test_object_role_is_there_undeclared_but_has_no_name() -> None:
    without = BASE.replace("(role object_r)", "").replace("(roletype object_r both)", "")
    without = without.replace("(userrole system_u object_r)", "").replace("(userrole staff_u object_r)", "")
    without = without.replace("object_r c", "system_r kernel_t").replace("object_r d", "system_r kernel_t")
    assert [role.name for role in compile_texts(without).roles] == ["object_r", "system_r", "staff_r"]
    assert [each.code for each in errors_of(without, "(userrole system_u object_r)")] == ["cil-unknown-role"]


def test_attributes_in_rules_stay_and_self_is_written_out() -> None:
    policy = compile_with_base("(dontaudit domain filetype (dir (search))) (dontaudit filetype self (file (open)))")
    rows = [rule for rule in policy.rules if rule.kind is RuleKind.DONTAUDIT]
    names = [(policy.types[rule.source].name, policy.types[rule.target].name) for rule in rows]
    assert names == [("domain", "filetype"), ("c", "c"), ("d", "d")]


def test_origins_are_where_the_author_wrote_the_statement() -> None:
    text = "(macro m ((type x))\n  (allow x d (socket (listen))))\n(call m (a))\n(block q\n (call m (b)))"
    policy = compile_with_base(text)
    socket = policy.class_ids["socket"]
    places = [policy.origin(rule.origin) for rule in policy.rules if rule.object_class == socket]
    assert [place.place if place else "" for place in places] == ["1.cil:2:3", "1.cil:2:3"]


def test_conditionals_of_one_expression_are_one() -> None:
    policy = compile_with_base(
        "(boolean on true) (booleanif on (true (allow a b (file (open))))) "
        "(booleanif on (false (allow a c (file (open)))))"
    )
    assert len(policy.conditionals) == 1
    assert sorted(set(policy.rules.condition)) == [0, 1, 2]


def test_order_of_ids_is_that_of_the_expanded_policy() -> None:
    policy = compile_with_base("(block later (type t1)) (macro m () (type made)) (type before) (call m) (type after)")
    names = [each.name for each in policy.types]
    assert names[-4:] == ["later.t1", "before", "made", "after"]
