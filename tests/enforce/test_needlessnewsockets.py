"""Sockets are made and accepted without asking only where policy could never deny it, and listening ones stay put."""

from pathlib import Path

import pytest

from selbox.enforce.domains import domain_context
from selbox.enforce.needlessnewsockets import needless_new_sockets
from selbox.server.securityserver import SecurityServer
from selbox.store.policyfiles import load_policy
from tests.enforce.meetings import meet

CAT = "(type cat_t) (call domain_type (cat_t)) (type dog_t) (call domain_type (dog_t))"
OWN = {"unix_stream_socket", "unix_dgram_socket", "accept"}


def spared(path: Path, policy: str, *, enforcing: bool = True) -> frozenset[str]:
    path.write_text(CAT + policy)
    server = SecurityServer(load_policy([str(path)]), enforcing=enforcing)
    return needless_new_sockets(server, (server.sid_for(domain_context(server, "cat_t")),))


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("", OWN),
        ("(call network_server (cat_t))", OWN | {"tcp_socket", "udp_socket"}),
        ("(call network_client (cat_t))", OWN - {"accept"} | {"tcp_socket", "udp_socket"}),
        ("(call network_client (dog_t))", OWN),
        ("(call network_client (dog_t)) (allow cat_t dog_t (process (transition)))", OWN - {"accept"}),
        ("(boolean b false) (booleanif b (true (allow cat_t self (vsock_socket (create)))))", OWN - {"accept"}),
        ("(allow cat_t self (process (setsockcreate)))", set()),
        ("(allow cat_t dog_t (process (dyntransition)))", set()),
        ("(allow cat_t dog_t (unix_stream_socket (accept)))", OWN - {"accept"}),
        ("(allow cat_t domain (tcp_socket (listen)))", OWN - {"accept"}),
        ("(typetransition cat_t cat_t unix_dgram_socket dog_t)", OWN - {"unix_dgram_socket"}),
        ("(auditallow cat_t self (unix_stream_socket (create accept)))", {"unix_dgram_socket"}),
        ("(constrain (unix_stream_socket (create)) (eq t1 t2))", OWN - {"unix_stream_socket"}),
        ("(mlsconstrain (unix_stream_socket (accept)) (eq l1 l2))", OWN - {"accept"}),
        ("(typepermissive dog_t)", set()),
    ],
)
def test_what_is_spared(tmp_path: Path, policy: str, expected: set[str]) -> None:
    assert spared(tmp_path / "policy.cil", policy) == expected


def test_what_is_to_be_recorded_is_not_spared(tmp_path: Path) -> None:
    assert not spared(tmp_path / "policy.cil", "", enforcing=False)


@pytest.mark.enforcement
def test_a_socket_that_listens_stays_with_its_domain(directory: Path) -> None:
    cat = """
listening, fresh = server("flap"), socket(AF_UNIX)
ours, theirs = socketpair()
for each in (listening, fresh, theirs):
    each.set_inheritable(True)
numbers = [str(each.fileno()) for each in (listening, fresh, theirs)]
guest = subprocess.Popen([os.path.abspath("dog"), *numbers], close_fds=False)
send_fds(ours, [b"x"], [listening.fileno()])
guest.wait()
fresh.bind("hatch")
say(trying(fresh.listen), trying(listening.listen))
os.unlink("flap")
os.unlink("hatch")
"""
    dog = """
def kind(number): return os.readlink(f"/proc/self/fd/{number}").partition(":")[0]
say(*map(kind, sys.argv[1:]))
say(recv_fds(socket(fileno=int(sys.argv[3])), 1, 1)[1:3] == ([], MSG_CTRUNC))
"""
    assert meet(directory, cat, dog).output.splitlines() == ["/dev/null socket socket", "True", "EINVAL ok"]
    policy = "(allow cat_t self (process (setsockcreate)))"  # with which sockets may have other contexts
    assert meet(directory, cat, dog, policy).output.splitlines() == ["socket socket socket", "False", "ok ok"]


@pytest.mark.enforcement
def test_unusual_sockets_are_asked_about(directory: Path) -> None:
    cat = """
def making(*kind): return trying(lambda: socket(*kind).close())
say(making(AF_INET, SOCK_RAW, 1), making(AF_INET, SOCK_STREAM, 132), making(AF_INET6, SOCK_DGRAM, 58),
    making(AF_NETLINK, SOCK_RAW, 15), making(AF_PACKET, SOCK_DGRAM), making(AF_INET, 10))
told = socket(AF_NETLINK, SOCK_RAW, 7)
say(trying(told.getsockopt, SOL_SOCKET, SO_TYPE), trying(told.setsockopt, SOL_SOCKET, SO_RCVBUF, 1),
    trying(told.getsockname), trying(told.getpeername), trying(told.shutdown, SHUT_RD))
say(making(AF_UNIX, SOCK_SEQPACKET), making(AF_INET, SOCK_STREAM, 6), making(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 17))
"""
    policy = "(call network_server (cat_t)) (allow cat_t self (netlink_selinux_socket (create)))"
    *denied, made = meet(directory, cat, policy=policy).output.splitlines()
    assert ([set(each.split()) for each in denied], made) == ([{"EACCES"}] * 2, "ok ok ok")
