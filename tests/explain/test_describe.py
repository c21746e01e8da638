"""Answers about the small policy, each worked by hand from its rules."""

from array import array

import pytest
from tests.explain.policies import SOURCE, make_policy

from selbox.compiler.compile import compile_policy
from selbox.diagnostics import SourceFile
from selbox.explain.answer import Answer, BooleanValue, TermLine
from selbox.explain.describe import answer
from selbox.explain.question import question
from selbox.language.cil import parse
from selbox.server.securityserver import SecurityServer


@pytest.fixture(scope="module")
def server() -> SecurityServer:
    return SecurityServer(make_policy())


def ask(
    server: SecurityServer, source: str, target: str, object_class: str, *permissions: str, number: int | None = None
) -> Answer:
    return answer(server, question(server, source, target, object_class, permissions, number))


def changes(found: Answer) -> list[list[str]]:
    return [[each.text for each in proposal.changes] for proposal in found.proposals]


def test_what_is_allowed_is_allowed_by_rules_with_their_places(server: SecurityServer) -> None:
    found = ask(server, "web_t", "page_t", "file", "read")
    assert (found.denied, found.reasons, found.proposals) == ((), (), ())
    (rule,) = found.rules
    assert rule.cil == "(allow domain content (file (read)))"
    assert rule.language == "allow domain content:file { read };"
    assert rule.place == "p.cil:18:1"
    assert rule.through == ("web_t is in domain", "page_t is in content")


def test_a_conditional_rule_comes_with_its_expression_and_the_values(server: SecurityServer) -> None:
    (rule,) = ask(server, "web_t", "page_t", "dir", "read").rules
    assert rule.condition == "(serve && ! debug)"
    assert rule.booleans == (BooleanValue("serve", True), BooleanValue("debug", False))
    assert rule.holds


def test_a_boolean_that_is_off_is_a_near_miss_and_a_proposal(server: SecurityServer) -> None:
    found = ask(server, "web_t", "page_t", "file", "read", "write")
    assert found.denied == ("write",)
    assert [each.text for each in found.reasons] == ["no rule (allow web_t page_t (file (write)))"]
    (rule,) = found.near.switched_off
    assert (rule.cil, rule.holds) == ("(allow web_t page_t (file (write)))", False)
    assert found.near.others == ("ioctl",)
    assert changes(found) == [["set edit=on"], ["add the rule (allow web_t page_t (file (write)))"]]


def test_a_boolean_that_takes_as_it_gives_is_no_proposal(server: SecurityServer) -> None:
    found = ask(server, "web_t", "page_t", "dir", "read", "search")
    (rule,) = found.near.switched_off
    assert rule.condition == "! (serve && ! debug)"
    assert changes(found) == [["add the rule (allow web_t page_t (dir (search)))"]]


def test_a_constraint_is_evaluated_term_by_term(server: SecurityServer) -> None:
    found = ask(server, "web_t", "page_t:s1:c0", "file", "read")
    (reason,) = found.reasons
    assert (reason.kind, reason.place) == ("constraint", "p.cil:26:1")
    assert reason.language == "mlsconstrain file { read write } (l1 dom l2 or t1 == trusted);"
    assert reason.terms == (
        TermLine(0, "or", "", False),
        TermLine(1, "l1 dom l2", "s0 dom s1:c0", False),
        TermLine(1, "t1 eq trusted", "web_t", False),
    )
    assert changes(found) == [
        ["label the object web_u:object_r:page_t:s0"],
        ["run the process as web_u:web_r:web_t:s1:c0"],
        ["put web_t into trusted"],
    ]


def test_what_a_constraint_would_deny_next_is_part_of_the_proposal(server: SecurityServer) -> None:
    found = ask(server, "web_t", "secret_t:s1", "file", "read")
    assert [each.kind for each in found.reasons] == ["no-rule"]
    assert ["add the rule (allow web_t secret_t (file (read)))", "put web_t into trusted"] in changes(found)
    assert ["add the rule (allow web_t secret_t (file (read)))"] not in changes(found)


def test_without_a_rule_it_is_told_what_would_deny_it_with_one(server: SecurityServer) -> None:
    found = ask(server, "web_t", "secret_t:s1", "file", "read", "write")
    assert [each.kind for each in found.reasons] == ["no-rule"]
    (reason,) = found.even_with_rule
    assert (reason.kind, reason.permissions, reason.place) == ("constraint", ("read", "write"), "p.cil:26:1")
    assert reason.terms == (
        TermLine(0, "or", "", False),
        TermLine(1, "l1 dom l2", "s0 dom s1", False),
        TermLine(1, "t1 eq trusted", "web_t", False),
    )


def test_only_what_lacks_a_rule_is_told_of_as_with_one(server: SecurityServer) -> None:
    found = ask(server, "web_t", "page_t:s1", "file", "read", "write")
    assert [(each.kind, each.permissions) for each in found.reasons] == [
        ("no-rule", ("write",)),
        ("constraint", ("read",)),
    ]
    assert [(each.kind, each.permissions) for each in found.even_with_rule] == [("constraint", ("write",))]
    assert ask(server, "web_t", "page_t:s1", "file", "read").even_with_rule == ()
    assert ask(server, "web_t", "page_t", "file", "write").even_with_rule == ()


def test_roles_bounds_and_numbers_would_deny_with_a_rule_too(server: SecurityServer) -> None:
    found = ask(server, "web_u:shell_r:shell_t", "web_t", "process", "transition")
    assert [each.text for each in found.even_with_rule] == ["no rule (roleallow shell_r web_r)"]
    (reason,) = ask(server, "child_t", "page_t", "file", "write").even_with_rule
    assert [each.text for each in reason.bounding] == ["no rule (allow parent_t page_t (file (write)))"]
    policy = make_policy()
    policy.rules.data[:] = array("I", (each & ~policy.classes[0].vector(("ioctl",)) for each in policy.rules.data))
    found = ask(SecurityServer(policy), "web_t", "page_t", "file", "ioctl", number=0x1301)
    assert [each.kind for each in (*found.reasons, *found.even_with_rule)] == ["no-rule", "extended"]


def test_labels_that_rules_already_reach_are_proposed_and_what_hides_a_denial_is_told(server: SecurityServer) -> None:
    found = ask(server, "web_t", "secret_t", "file", "read")
    assert [each.cil for each in found.near.silent] == ["(dontaudit domain secret_t (file (read)))"]
    assert found.audited == ()
    labels = [proposal.changes[0].text for proposal in found.proposals if proposal.changes[0].kind == "label"]
    assert labels == [
        "label the object web_u:object_r:web_log_t:s0",
        "label the object web_u:object_r:page_t:s0",
    ]


def test_a_role_change_needs_a_role_allow(server: SecurityServer) -> None:
    found = ask(server, "web_t", "web_u:shell_r:shell_t", "process", "transition")
    assert [(each.kind, each.text) for each in found.reasons] == [("role", "no rule (roleallow web_r shell_r)")]
    (proposal,) = found.proposals
    assert [(each.cil, each.language) for each in proposal.changes] == [
        ("(roleallow web_r shell_r)", "allow web_r shell_r;")
    ]


def test_of_a_bounded_type_the_bounding_one_is_explained(server: SecurityServer) -> None:
    found = ask(server, "child_t", "page_t", "file", "read")
    (reason,) = found.reasons
    assert reason.kind == "bounds"
    assert [each.text for each in reason.bounding] == ["no rule (allow parent_t page_t (file (read)))"]
    assert changes(found) == [["add the rule (allow parent_t page_t (file (read)))"]]


def test_a_rule_for_a_bounded_type_is_proposed_with_that_of_the_bounding_one(server: SecurityServer) -> None:
    assert changes(ask(server, "child_t", "page_t", "file", "write")) == [
        ["add the rule (allow child_t page_t (file (write)))", "add the rule (allow parent_t page_t (file (write)))"]
    ]


def test_an_ioctl_command_needs_an_extended_rule_where_there_are_some(server: SecurityServer) -> None:
    found = ask(server, "web_t", "page_t", "file", "ioctl", number=0x1301)
    assert [each.kind for each in found.reasons] == ["extended"]
    assert [each.cil for each in found.extended] == ["(allowx web_t page_t (ioctl file (((range 0x1200 0x12ff)))))"]
    assert changes(found) == [["add the rule (allowx web_t page_t (ioctl file ((0x1301))))"]]
    assert ask(server, "web_t", "page_t", "file", "ioctl", number=0x1234).denied == ()


def test_denied_permissions_that_are_granted_on_a_like_class_are_told(server: SecurityServer) -> None:
    found = ask(server, "web_t", "page_t", "dir", "append")
    assert found.near.classes == ()
    policy = make_policy()
    policy.rules.append(policy.rules[0].kind, policy.type_ids["web_t"], policy.type_ids["page_t"], 0, 1)
    near = ask(SecurityServer(policy), "web_t", "page_t", "dir", "append").near
    assert [(each.object_class, each.permissions) for each in near.classes] == [("file", ("append",))]


def test_permissive_types_are_told(server: SecurityServer) -> None:
    assert ask(server, "lax_t", "page_t", "file", "read").permissive
    assert not ask(server, "web_t", "secret_t", "file", "read").permissive


def test_two_constraints_may_need_two_changes() -> None:
    lines = SOURCE.replace(
        "(mlsconstrain (file (read write)) (or (dom l1 l2) (eq t1 trusted)))",
        "(mlsconstrain (file (read)) (dom l1 l2)) (constrain (file (read)) (eq u1 u2))"
        "(user guest_u) (userrole guest_u web_r) (userrole guest_u object_r)"
        "(userlevel guest_u (s0)) (userrange guest_u ((s0) (s1)))",
    )
    server = SecurityServer(compile_policy([parse(SourceFile("p.cil", lines))]))
    found = ask(server, "web_t", "guest_u:object_r:page_t:s1", "file", "read")
    assert [each.kind for each in found.reasons] == ["constraint", "constraint"]
    assert [
        "label the object guest_u:object_r:page_t:s0",
        "label the object web_u:object_r:page_t:s0",
    ] in changes(found)
