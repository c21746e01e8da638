import pytest
from tests.explain.policies import make_policy

from selbox.audit.accesslines import logged_accesses
from selbox.diagnostics import Diagnostic
from selbox.explain.describe import answer
from selbox.explain.recorded import recorded_questions
from selbox.model.policy import HandleUnknown
from selbox.server.securityserver import SecurityServer

CONTEXTS = "scontext=web_u:web_r:web_t:s0 tcontext=web_u:object_r:page_t:s0"


@pytest.fixture(scope="module")
def server() -> SecurityServer:
    return SecurityServer(make_policy())


def test_equal_records_are_one_question(server: SecurityServer) -> None:
    record = f'avc:  denied  {{ read write }} for  pid=1 comm="a" {CONTEXTS} tclass=file permissive=0'
    turned = record.replace("read write", "write read")
    warnings: list[Diagnostic] = []
    (found,) = recorded_questions(server, logged_accesses([record, turned], warnings), warnings)
    assert (found.times, found.vector, found.number, warnings) == (
        2,
        server.vector("file", ["read", "write"]).vector,
        None,
        [],
    )


def test_what_the_policy_does_not_know_is_told_with_the_line(server: SecurityServer) -> None:
    line = f"avc:  denied  {{ read }} for  pid=1 {CONTEXTS} tclass=file".replace("web_u:web_r:web_t", "u:r:t")
    warnings: list[Diagnostic] = []
    assert recorded_questions(server, logged_accesses(["", line], warnings), warnings) == ()
    (warning,) = warnings
    assert warning.message.startswith("record in line 2: invalid context `u:r:t:s0`")


def test_an_undefined_permission_is_asked_about_all_the_same(server: SecurityServer) -> None:
    line = f"avc:  denied  {{ fly }} for  pid=1 {CONTEXTS} tclass=file"
    (found,) = recorded_questions(server, logged_accesses([line], []), [])
    (reason,) = server.explain(*found[:5]).reasons
    assert reason.kind.name == "UNKNOWN"


def test_what_a_policy_allows_without_defining_it_is_told() -> None:
    server = SecurityServer(make_policy()._replace(handle_unknown=HandleUnknown.ALLOW))
    line = f"avc:  denied  {{ read fly }} for  pid=1 {CONTEXTS} tclass=file"
    (found,) = recorded_questions(server, logged_accesses([line], []), [])
    told = answer(server, found)
    assert (told.denied, told.undefined, len(told.rules)) == ((), ("fly",), 1)
