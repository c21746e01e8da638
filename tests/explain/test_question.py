import pytest
from tests.explain.policies import make_policy

from selbox.diagnostics import SelboxError
from selbox.explain.question import question
from selbox.server.securityserver import SecurityServer


@pytest.fixture(scope="module")
def server() -> SecurityServer:
    return SecurityServer(make_policy())


@pytest.mark.parametrize(
    ("text", "expected", "assumed"),
    [
        ("web_t", "web_u:web_r:web_t:s0", "user, role and range"),
        ("shell_t", "web_u:shell_r:shell_t:s0", "user, role and range"),
        ("page_t:s0-s1:c0", "web_u:object_r:page_t:s0-s1:c0", "user and role"),
        ("web_u:object_r:web_t", "web_u:object_r:web_t:s0", "range"),
        ("web_u:web_r:web_t:s1:c0.c1", "web_u:web_r:web_t:s1:c0,c1", ""),
    ],
)
def test_what_a_context_lacks_is_assumed(server: SecurityServer, text: str, expected: str, assumed: str) -> None:
    found = question(server, text, "page_t:s0", "file", ["read"])
    assert server.sid_to_context(found.source) == expected
    first = (f"{assumed} of the source",) if assumed else ()
    assert found.assumed == (*first, "user and role of the target")


def test_self_is_the_source(server: SecurityServer) -> None:
    found = question(server, "web_t:s1", "self", "process", ["*"])
    assert found.source == found.target
    assert found.vector == 1


def test_all_unknown_names_are_told_together_with_guesses(server: SecurityServer) -> None:
    with pytest.raises(SelboxError) as raised:
        question(server, "wep_t", "domain", "file", ["read", "wrote"])
    told = [(each.code, each.message, each.help) for each in raised.value.diagnostics]
    assert told == [
        ("invalid-context", "invalid context `wep_t`: the policy has no type `wep_t`", "did you mean `web_t`?"),
        (
            "invalid-context",
            "invalid context `domain`: `domain` is a type attribute: a context needs one of its types",
            "",
        ),
        ("unknown-permission", "the policy's class `file` has no permission `wrote`", "did you mean `write`?"),
    ]
    with pytest.raises(SelboxError) as raised:
        question(server, "web_t", "page_t", "fil", ["read"])
    assert [(each.code, each.help) for each in raised.value.diagnostics] == [("unknown-class", "did you mean `file`?")]


def test_a_context_that_is_not_valid_is_refused(server: SecurityServer) -> None:
    with pytest.raises(SelboxError, match="role `shell_r` may not take type `web_t`"):
        question(server, "web_u:shell_r:web_t:s0", "page_t", "file", ["read"])
