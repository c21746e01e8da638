"""Assertions: every rule that breaks one is told, with both places; what they and extended rules come from is known."""

import pytest
from tests.compiler.policies import BASE, codes_with_base, compile_texts, errors_of

from selbox.diagnostics import Diagnostic
from selbox.model.extended import ExtendedSpecifier
from selbox.model.policy import Policy

NETLINK = "(class netlink_route_socket (create nlmsg ioctl)) (classorder (socket netlink_route_socket))"


def places(errors: list[Diagnostic]) -> list[tuple[str, str]]:
    """Return the places of assertions, and of the rules that break them."""
    return [
        (error.span.place if error.span else "", error.notes[0][1].place if error.notes[0][1] else "")
        for error in errors
    ]


def test_every_rule_that_breaks_an_assertion_is_told() -> None:
    errors = errors_of(
        BASE,
        "(neverallow a filetype (file (open)))\n(neverallow domain d (file (open)))\n(allow a filetype (file (open)))\n"
        "(macro m ((type x))\n  (allow x d (file (open))))\n(optional o (call m (b)))\n"
        "(boolean on true)\n(booleanif on (true\n  (allow b d (file (open read)))))",
    )
    assert sorted(places(errors)) == [
        ("1.cil:1:1", "1.cil:3:1"),
        ("1.cil:2:1", "1.cil:3:1"),
        ("1.cil:2:1", "1.cil:5:3"),
        ("1.cil:2:1", "1.cil:9:3"),
    ]


def test_a_line_mark_tells_where_an_assertion_was_written_before_it_was_translated() -> None:
    text = "(allow a c (file (open)))\n;;* lmx 12 private/domain.te\n\n(neverallow a c (file (open)))\n;;* lme\n"
    (error,) = errors_of(BASE, text)
    assert error.notes[1][0].endswith("written at private/domain.te:12")


def test_extended_assertions_tell_the_rule_that_grants_or_that_does_not_limit() -> None:
    errors = errors_of(
        BASE,
        "(allow a c (file (ioctl)))\n(allow b c (file (ioctl)))\n(allowx b c (ioctl file (0x10 0x12)))\n"
        "(allowx b c (ioctl file ((range 0x20 0x30))))\n(neverallowx domain c (ioctl file ((range 0x12 0x21))))",
    )
    assert {assertion for assertion, _ in places(errors)} == {"1.cil:5:1"}
    assert sorted(rule for _, rule in places(errors)) == ["1.cil:1:1", "1.cil:3:1", "1.cil:4:1"]
    texts = " ".join(error.message for error in errors)
    assert "`allow a c (file (ioctl))`" in texts
    assert "`allowx b c (ioctl file (0x0012))`" in texts
    assert "`allowx b c (ioctl file ((range 0x0020 0x0021)))`" in texts


def test_many_violations_end_at_a_limit() -> None:
    rules = "\n".join(f"(type t{index}) (allow t{index} c (file (open)))" for index in range(200))
    errors = errors_of(
        BASE, f"(typeattribute many) (typeattributeset many (all)) (neverallow many c (file (open)))\n{rules}"
    )
    assert len(errors) == 50
    assert {error.code for error in errors} == {"cil-neverallow"}


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("(allowx a b (nlmsg netlink_route_socket (0x10))) (neverallowx a b (nlmsg netlink_route_socket (0x11)))", []),
        (
            "(allowx a b (nlmsg netlink_route_socket (1 2))) (neverallowx a b (nlmsg netlink_route_socket (2)))",
            ["cil-neverallow"],
        ),
        ("(allowx a b (ioctl netlink_route_socket (0x10))) (neverallowx a b (ioctl netlink_route_socket (0x10)))", []),
        ("(neverallowx a b (nlmsg netlink_route_socket ((all))))", ["cil-neverallow"]),
        ("(neverallowx a notself (nlmsg netlink_route_socket ((all))))", ["cil-neverallow"]),
        ("(neverallowx a other (nlmsg netlink_route_socket ((all))))", []),
        ("(neverallowx domain other (nlmsg netlink_route_socket ((all))))", ["cil-neverallow"]),
    ],
)
def test_assertions_about_netlink_messages(text: str, codes: list[str]) -> None:
    assert codes_with_base(f"{NETLINK} (allow a b (netlink_route_socket (nlmsg))) {text}") == codes


def extended(policy: Policy) -> list[tuple[str, str, ExtendedSpecifier, int, int, int]]:
    return [
        (
            policy.types[rule.source].name,
            policy.types[rule.target].name,
            rule.specifier,
            rule.driver,
            rule.permissions,
            rule.condition,
        )
        for rule in policy.extended_rules
    ]


def test_netlink_messages_are_split_by_their_high_byte_and_never_whole() -> None:
    policy = compile_texts(BASE, f"{NETLINK} (allowx a b (nlmsg netlink_route_socket ((range 0x0 0xff) 0x210)))")
    assert extended(policy) == [
        ("a", "b", ExtendedSpecifier.NETLINK_MESSAGE, 0, (1 << 256) - 1, 0),
        ("a", "b", ExtendedSpecifier.NETLINK_MESSAGE, 2, 1 << 0x10, 0),
    ]


def test_conditional_extended_rules() -> None:
    policy = compile_texts(
        BASE,
        "(boolean on true) (booleanif (not on) (true (allowx a b (ioctl file (1))))"
        " (false (allowx a b (ioctl file (2))))) (allowx a b (ioctl file (3)))",
    )
    function = ExtendedSpecifier.IOCTL_FUNCTION
    assert sorted(extended(policy), key=lambda rule: rule[-1]) == [
        ("a", "b", function, 0, 1 << 3, 0),
        ("a", "b", function, 0, 1 << 2, 1),
        ("a", "b", function, 0, 1 << 1, 2),
    ]


def test_origins_of_extended_rules() -> None:
    policy = compile_texts(
        BASE,
        "(macro m ((type x))\n (allowx x c (ioctl file (0x101))))\n(call m (a))\n"
        "(allowx a c (ioctl file ((range 0x200 0x2ff))))\n(optional o\n (allowx a c (ioctl file (0x301))))",
    )
    found = {}
    for rule in policy.extended_rules:
        origin = policy.origin(rule.origin)
        assert origin is not None
        found[rule.specifier, rule.driver] = origin.place
    assert found == {
        (ExtendedSpecifier.IOCTL_FUNCTION, 1): "1.cil:2:2",
        (ExtendedSpecifier.IOCTL_DRIVER, 0): "1.cil:4:1",
        (ExtendedSpecifier.IOCTL_FUNCTION, 3): "1.cil:6:2",
    }


def test_every_rule_label_and_constraint_knows_its_origin() -> None:
    context = "(system_u object_r c ((s0) (s0)))"
    policy = compile_texts(
        BASE,
        f"(constrain (file (read)) (eq t1 t2)) (validatetrans file (eq t3 a)) (portcon tcp 80 {context}) "
        f'(filecon "/x" any {context}) (typetransition domain c process a) (typetransition domain c file "n" d) '
        f"(rangetransition domain c process ((s0) (s0))) (roletransition system_r filetype process staff_r) "
        f"(roleallow system_r staff_r) (ibpkeycon fe80:: 1 {context}) (deny a c (file (open)))",
    )
    origins = [each.origin for each in policy.constraints]
    origins += [each.origin for each in policy.validate_transitions]
    origins += [each.origin for each in policy.port_contexts]
    origins += [each.origin for each in policy.file_contexts]
    origins += [each.origin for each in policy.infiniband_keys]
    origins += [each.origin for each in policy.named_transitions]
    origins += [each.origin for each in policy.range_transitions]
    origins += [each.origin for each in policy.role_transitions]
    origins += [each.origin for each in policy.role_allows]
    assert len(origins) > 9
    assert all(policy.origin(each) for each in origins)
    assert all(policy.rules.origin)
