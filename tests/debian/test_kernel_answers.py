"""The security server and a real kernel, asked the same under the same policy: Debian's."""

from collections.abc import Callable

import kernelanswers
import pytest

from selbox.binary.kernel import read_policy
from selbox.diagnostics import SelboxError
from selbox.model.policy import Policy
from selbox.server.questions import Questions
from selbox.server.securityserver import SecurityServer

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.skipif(
        kernelanswers.directory() is None,
        reason=f"no recorded answers of a kernel beside the checkout, nor where {kernelanswers.VARIABLE} says",
    ),
]
ALL_DECIDED = "ffffffff"


@pytest.fixture(scope="module")
def policy() -> Policy:
    return read_policy(kernelanswers.read(kernelanswers.POLICY), kernelanswers.POLICY)


@pytest.fixture(scope="module")
def server(policy: Policy) -> SecurityServer:
    return SecurityServer(policy)


def differences(name: str, columns: int, answer: Callable[..., str]) -> list[str]:
    """Return each row of a table that we answer otherwise; an answer's columns are joined by blanks."""
    found = []
    for row in kernelanswers.table(name):
        theirs, ours = " ".join(row[columns:]), answer(*row[:columns])
        if ours != theirs:
            found.append(f"{' '.join(row[:columns])}: {theirs}, ours {ours}")
    return found


def test_access(server: SecurityServer) -> None:
    def answer(source: str, target: str, name: str) -> str:
        asked = server.vector(name, ())
        decision = server.compute_access(
            server.context_to_sid(source), server.context_to_sid(target), asked.object_class
        )
        # Selinuxfs answers about the policy's own permissions; our vectors also hold unknown ones that are allowed.
        allowed = decision.allowed & (1 << len(server.policy.classes[asked.object_class].permissions)) - 1
        vectors = f"{allowed:x} {ALL_DECIDED} {decision.auditallow:x} {decision.auditdeny:x}"
        return f"{vectors} {decision.seqno} {decision.flags}"

    assert differences("access", 3, answer) == []


@pytest.mark.parametrize("question", ["create", "relabel", "member"])
@pytest.mark.parametrize("mode", ["permissive", "enforcing"])
def test_new_contexts(policy: Policy, question: str, mode: str) -> None:
    server = SecurityServer(policy, enforcing=mode == "enforcing")
    compute = getattr(server, f"compute_{question}")
    found = []
    for source, target, name, *rest in kernelanswers.table(f"{question}_{mode}"):
        *object_name, theirs = rest
        object_class = server.class_id(name)
        try:
            sids = server.context_to_sid(source), server.context_to_sid(target)
            ours = server.sid_to_context(compute(*sids, object_class, *object_name))
        except SelboxError:
            ours = "ERR:EACCES"
        if ours != theirs:
            found.append(f"{source} {target} {name} {object_name}: {theirs}, ours {ours}")
    assert found == []


def test_contexts(server: SecurityServer) -> None:
    def answer(text: str) -> str:
        try:
            return server.sid_to_context(server.context_to_sid(text))
        except SelboxError:
            return "ERR:EINVAL"

    assert differences("context", 1, answer) == []


@pytest.mark.parametrize("table", kernelanswers.QUESTIONS)
def test_questions_as_text(policy: Policy, table: str) -> None:
    recorded = ["\t".join(row) for row in kernelanswers.table(table)]
    kind, _, mode = table.partition("_")
    asked = Questions(policy, kind, enforcing=mode != "permissive")
    lines = ["\t".join(question) for question, _ in kernelanswers.answers(table)]
    assert asked.answer(lines) == recorded
    if kind == "access":
        # These have been answered by the array; a few are not.
        assert [answer for line in lines[:2000] for answer in asked.answer([line])] == recorded[:2000]


def test_arrays_under_other_booleans(policy: Policy) -> None:
    server = SecurityServer(policy)
    rows = kernelanswers.table("access")[:5000]
    triples = [
        (server.context_to_sid(source), server.context_to_sid(target), policy.class_ids[name])
        for source, target, name, *_ in rows
    ]
    for booleans in ({}, {each.name: not each.default for each in policy.booleans}):
        server.set_booleans(booleans)
        found = server.compute_access_arrays(*zip(*triples, strict=True))
        ours = zip(found.allowed, found.auditallow, found.auditdeny, found.flags, strict=True)
        one_by_one = (server.compute_access(*triple) for triple in triples)
        expected = [(each.allowed, each.auditallow, each.auditdeny, each.flags) for each in one_by_one]
        assert [tuple(map(int, each)) for each in ours] == expected


def test_classes_and_permissions(policy: Policy) -> None:
    def answer(name: str, _index: str, permission: str, _bit: str) -> str:
        object_class = policy.classes[policy.class_ids[name]]
        return f"{policy.class_ids[name] + 1} {object_class.permissions.index(permission) + 1}"

    rows = kernelanswers.table("classes")
    assert [row for row in rows if answer(*row) != f"{row[1]} {row[3]}"] == []
    assert {row[0] for row in rows} == set(policy.class_ids)
    assert len(rows) == sum(len(each.permissions) for each in policy.classes)


def test_booleans(policy: Policy) -> None:
    values = {each.name: each.default for each in policy.booleans}
    assert {(name, f"{value:d} {value:d}") for name, value in values.items()} == set(kernelanswers.table("booleans"))


def test_policy_capabilities(policy: Policy) -> None:
    table = {name: value == "1" for name, value in kernelanswers.table("policycaps")}
    assert {name: name in policy.policy_capabilities for name in table} == table


def test_initial_contexts(server: SecurityServer) -> None:
    assert differences("initial_contexts", 1, lambda name: server.sid_to_context(server.initial_sid(name))) == []
