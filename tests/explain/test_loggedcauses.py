import pytest
from tests.explain.policies import make_policy

from selbox.audit.accesslines import LoggedAccess
from selbox.explain.answer import BooleanValue
from selbox.explain.forbidden import ForbiddenAccesses
from selbox.explain.loggedcauses import LoggedCauses
from selbox.server import causes as server_causes
from selbox.server.causes import CauseKind
from selbox.server.securityserver import SecurityServer


@pytest.fixture(scope="module")
def server() -> SecurityServer:
    return SecurityServer(make_policy())


def access(
    source: str, target: str, tclass: str, *permissions: str, number: int | None = None, level: str = "s0"
) -> LoggedAccess:
    role = "object_r" if tclass != "process" else "shell_r"
    return LoggedAccess(
        False, permissions, f"web_u:web_r:{source}:s0", f"web_u:{role}:{target}:{level}", tclass, number
    )


EXPECTED = [
    (access("web_t", "page_t", "file", "read"), CauseKind.ALLOWED, ()),
    (access("web_t", "page_t", "file", "append"), CauseKind.RULE, ()),
    (access("web_t", "secret_t", "file", "read"), CauseKind.DONTAUDIT, ()),
    # audit2why looks for any dontaudit rule, not for one about all that was asked for
    (access("web_t", "secret_t", "file", "read", "write"), CauseKind.DONTAUDIT, ()),
    (access("web_t", "page_t", "file", "write"), CauseKind.BOOLEAN, (BooleanValue("edit", True),)),
    (access("web_t", "page_t", "file", "write", "append"), CauseKind.RULE, ()),
    (
        access("web_t", "page_t", "dir", "search"),
        CauseKind.BOOLEAN,
        (BooleanValue("serve", False), BooleanValue("debug", True)),
    ),
    (access("web_t", "page_t", "file", "read", level="s0:c1"), CauseKind.CONSTRAINT, ()),
    # a boolean alone would leave it to the constraint
    (access("web_t", "page_t", "file", "write", level="s0:c1"), CauseKind.RULE, ()),
    (access("shell_t", "page_t", "file", "read", level="s0:c1"), CauseKind.ALLOWED, ()),
    (access("web_t", "shell_t", "process", "transition"), CauseKind.ROLE, ()),
    (access("child_t", "page_t", "file", "read"), CauseKind.BOUNDS, ()),
    (access("web_t", "page_t", "file", "ioctl", number=0x1201), CauseKind.ALLOWED, ()),
    (access("web_t", "page_t", "file", "ioctl", number=0x1301), CauseKind.EXTENDED, ()),
    (access("web_t", "page_t", "file", "ioctl"), CauseKind.ALLOWED, ()),
]


@pytest.mark.parametrize("arrays_pay", [1, 1 << 13])
def test_each_access_has_its_cause(server: SecurityServer, arrays_pay: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_causes, "ARRAYS_PAY", arrays_pay)
    monkeypatch.setattr(server_causes, "ARRAYS_SERVE", 1)
    found = LoggedCauses(server).find([each for each, _, _ in EXPECTED])
    assert [(each.kind, each.booleans) for each in found] == [each[1:] for each in EXPECTED]


def test_booleans_are_those_of_now() -> None:
    server = SecurityServer(make_policy())
    server.set_booleans({"edit": True})
    (found,) = LoggedCauses(server).find([access("web_t", "page_t", "file", "write")])
    assert found.kind is CauseKind.ALLOWED


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        (access("gone_t", "page_t", "file", "read"), ("invalid-context", "web_u:web_r:gone_t:s0")),
        (access("web_t", "gone_t", "file", "read"), ("invalid-context", "web_u:object_r:gone_t:s0")),
        (access("web_t", "page_t", "fire", "read"), ("unknown-class", "fire")),
        (access("web_t", "page_t", "file", "red"), ("unknown-permission", "file red")),
    ],
)
def test_what_the_policy_does_not_know_is_named(
    server: SecurityServer, asked: LoggedAccess, fault: tuple[str, str]
) -> None:
    causes = LoggedCauses(server)
    for _ in range(2):
        (found,) = causes.find([asked])
        assert (found.kind, found.unknown) == (None, fault)


def test_what_forbids_an_access_is_told_with_what_would_allow_it(server: SecurityServer) -> None:
    (found,) = LoggedCauses(server).find([access("web_t", "page_t", "file", "read", level="s0:c1")])
    assert found.access is not None
    told = ForbiddenAccesses(server).tell(found.access)
    assert told.constraints == ("mlsconstrain file { read write } ((l1 dom l2 -Fail-)  or (t1 == trusted -Fail-) );",)
    assert told.differences == (("level", "s0", "s0:c1"),)
    assert ForbiddenAccesses(server).tell(found.access, propose=False) == told._replace(proposals=())
    texts = [change.text for proposal in told.proposals for change in proposal.changes]
    assert "label the object web_u:object_r:page_t:s0" in texts
    assert "put web_t into trusted" in texts
