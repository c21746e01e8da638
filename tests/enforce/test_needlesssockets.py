"""Calls on sockets are spared only where policy could never deny them."""

from pathlib import Path

import pytest

from selbox.enforce.needlesssockets import PERMISSIONS, needless_socket_calls
from selbox.server.securityserver import SecurityServer
from selbox.store.policyfiles import load_policy

ALL = frozenset(call for calls in PERMISSIONS.values() for call in calls)
CAT = "(type cat_t) (call domain_type (cat_t)) (type dog_t) (call domain_type (dog_t))"


@pytest.mark.parametrize(
    ("policy", "lost"),
    [
        ("", ""),
        ("(call network_server (cat_t))", ""),
        ("(allow cat_t self (tcp_socket (create read write getopt setopt shutdown)))", "getsockname getpeername"),
        ("(allow cat_t self (tcp_socket (create getattr getopt setopt shutdown)))", ""),
        (
            "(allow cat_t self (tcp_socket (create))) (allow cat_t self (tcp_socket (getattr setopt)))",
            "getsockopt shutdown",
        ),
        ("(allow cat_t dog_t (vsock_socket (read write getattr getopt shutdown)))", "setsockopt"),
        ("(allow cat_t dog_t (tcp_socket (listen accept)))", ""),
        ("(allow cat_t self (netlink_selinux_socket (create)))", ""),
        ("(auditallow cat_t self (unix_stream_socket (setopt)))", "setsockopt"),
        ("(constrain (udp_socket (shutdown)) (eq t1 cat_t))", "shutdown"),
        ("(mlsconstrain (udp_socket (shutdown write)) (eq l1 l2))", ""),
        ("(typepermissive cat_t)", " ".join(sorted(ALL))),
    ],
)
def test_what_is_spared(tmp_path: Path, policy: str, lost: str) -> None:
    path = tmp_path / "policy.cil"
    path.write_text(CAT + policy)
    server = SecurityServer(load_policy([str(path)]), enforcing=True)
    assert needless_socket_calls(server) == ALL - set(lost.split())


def test_what_is_to_be_recorded_is_not_spared() -> None:
    assert not needless_socket_calls(SecurityServer(load_policy([]), enforcing=False))
