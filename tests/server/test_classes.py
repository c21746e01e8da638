import kernelanswers
import pytest
from tests.server.policies import ALL, CLASSES, FILE, READ, WRITE, make_policy

from selbox.diagnostics import SelboxError
from selbox.model.objectclass import ObjectClass
from selbox.model.policy import HandleUnknown
from selbox.server.classes import SOCKET_CLASSES
from selbox.server.decision import AccessDecision
from selbox.server.explanation import DenialKind, DenialReason
from selbox.server.securityserver import SecurityServer

DOG, CHOW = "system_u:animal_r:dog_t:s0", "system_u:object_r:dog_chow_t:s0"


def server_with(handle_unknown: HandleUnknown) -> tuple[SecurityServer, int, int]:
    server = SecurityServer(make_policy(handle_unknown=handle_unknown))
    return server, server.context_to_sid(DOG), server.context_to_sid(CHOW)


def test_known_names_become_the_policys_numbers() -> None:
    server, _, _ = server_with(HandleUnknown.DENY)
    assert server.vector("file", ["read", "write"]) == (FILE, READ | WRITE, ())
    assert server.class_id("file") == FILE
    assert server.class_id("bowl") is None
    assert server.permission_names(FILE, READ | WRITE) == ("read", "write")


@pytest.mark.parametrize("handle_unknown", [HandleUnknown.DENY, HandleUnknown.ALLOW])
def test_an_unknown_permission_follows_the_policy(handle_unknown: HandleUnknown) -> None:
    server, dog, chow = server_with(handle_unknown)
    object_class, vector, unknown = server.vector("file", ["read", "sniff"])
    assert (object_class, vector, unknown) == (FILE, READ | 8, ("sniff",))
    assert server.vector("file", ["sniff", "lick"]).vector == 8 | 16
    assert server.permission_names(FILE, 8 | 16) == ("sniff", "lick")
    decision = server.compute_access(dog, chow, FILE)
    assert decision.allowed == (7 | 8 | 16 if handle_unknown is HandleUnknown.ALLOW else 7)
    assert decision.auditdeny == ALL
    reasons = server.explain(dog, chow, FILE, READ | 8).reasons
    assert reasons == (() if handle_unknown is HandleUnknown.ALLOW else (DenialReason(DenialKind.UNKNOWN, 8),))


@pytest.mark.parametrize("handle_unknown", [HandleUnknown.DENY, HandleUnknown.ALLOW])
def test_an_unknown_class_follows_the_policy(handle_unknown: HandleUnknown) -> None:
    server, dog, chow = server_with(handle_unknown)
    object_class, vector, unknown = server.vector("bowl", ["fill"])
    assert object_class == len(CLASSES)
    assert unknown == ("bowl",)
    assert server.class_name(object_class) == "bowl"
    assert server.permission_names(object_class, vector) == ("fill",)
    allowed = ALL if handle_unknown is HandleUnknown.ALLOW else 0
    assert server.compute_access(dog, chow, object_class) == AccessDecision(allowed, 0, ALL, 1, 0)
    reasons = server.explain(dog, chow, object_class, vector).reasons
    assert reasons == (() if allowed else (DenialReason(DenialKind.UNKNOWN, vector),))
    # what is made of an unknown class is labelled as an ordinary object
    assert server.sid_to_context(server.compute_create(dog, chow, object_class)) == CHOW


def test_reject_rejects_with_a_guess() -> None:
    server, _, _ = server_with(HandleUnknown.REJECT)
    with pytest.raises(SelboxError, match="class `fil`") as caught:
        server.vector("fil", ["read"])
    assert (caught.value.diagnostics[0].code, caught.value.diagnostics[0].help) == (
        "unknown-class",
        "did you mean `file`?",
    )
    with pytest.raises(SelboxError, match="`file` has no permission `raed`") as caught:
        server.vector("file", ["raed"])
    assert (caught.value.diagnostics[0].code, caught.value.diagnostics[0].help) == (
        "unknown-permission",
        "did you mean `read`?",
    )


def test_listeners_hear_of_new_unknown_permissions_once() -> None:
    server, _, _ = server_with(HandleUnknown.ALLOW)
    heard: list[bool] = []
    server.add_listener(lambda: heard.append(True))
    server.vector("file", ["read"])
    server.vector("file", ["sniff"])
    server.vector("file", ["sniff"])
    assert len(heard) == 1


def test_a_class_has_32_permissions_at_most() -> None:
    full = ObjectClass("file", None, tuple(f"permission_{index}" for index in range(32)))
    server = SecurityServer(make_policy(classes=(full, *CLASSES[1:])))
    with pytest.raises(SelboxError, match="33 permissions"):
        server.vector("file", ["sniff"])


@pytest.mark.oracle
@pytest.mark.skipif(kernelanswers.directory() is None, reason="needs the recorded answers of a real kernel")
def test_socket_classes_are_those_of_the_kernel() -> None:
    names = {row[0] for row in kernelanswers.table("classes")}
    sockets = {name for name in names if name.endswith("socket") and not name.startswith("obsolete_")}
    assert sockets <= SOCKET_CLASSES
