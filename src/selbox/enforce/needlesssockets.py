"""Which calls on sockets need no asking: those that whoever came to have a socket is always granted.

A task has sockets that it made (``create``), and those that it inherited or was sent (``read`` and ``write``).
"""

from selbox.enforce.rulegrants import are_granted_along, rules_tell
from selbox.model.rules import RuleKind
from selbox.server.classes import SOCKET_CLASSES
from selbox.server.securityserver import SecurityServer
from selbox.typing import Final

PERMISSIONS: Final = {
    "getattr": ("getsockname", "getpeername"),
    "getopt": ("getsockopt",),
    "setopt": ("setsockopt",),
    "shutdown": ("shutdown",),
}
"""Permissions, and the calls that ask for them alone."""

_HOLDING: Final = ("create", "read")
_WATCHED: Final = frozenset({"netlink_selinux_socket", "netlink_audit_socket"})
"""Classes of sockets at numbers at which all these calls are asked about in every box."""


def needless_socket_calls(server: SecurityServer) -> frozenset[str]:
    """Return the calls that a box need not be asked about.

    Args:
        server: the policy, and whether it is enforced.
    """
    policy = server.policy
    if not server.enforcing or not rules_tell(policy):
        return frozenset()
    rows: dict[int, list[int]] = {
        policy.class_ids[each]: [] for each in SOCKET_CLASSES - _WATCHED if each in policy.class_ids
    }
    for row, object_class in enumerate(policy.rules.object_class):
        if object_class in rows:
            rows[object_class].append(row)
    granted = frozenset(PERMISSIONS)
    for object_class, found in rows.items():
        granted = _granted(server, object_class, found, granted)
    return frozenset(call for permission in granted for call in PERMISSIONS[permission])


def _granted(server: SecurityServer, object_class: int, rows: list[int], wanted: frozenset[str]) -> frozenset[str]:
    """Return those of some permissions that go along with having a socket of a class, by the rules about it."""
    policy = server.policy
    permissions = policy.classes[object_class].permissions
    names = (*_HOLDING, "write", *wanted)
    if not all(each in permissions for each in names):
        return frozenset()
    vectors = {each: 1 << permissions.index(each) for each in names}
    held = vectors["read"] | vectors["write"]
    for each in policy.constraints:
        # A socket has its maker's level, so what MLS says of the maker it says of who made it.
        if each.object_class == object_class and not (each.is_mls and each.permissions & held):
            wanted = frozenset(name for name in wanted if not each.permissions & vectors[name])
    every = sum(vectors[each] for each in wanted)
    rules = policy.rules
    if all(_grants_all(rules.kind[row], rules.data[row], vectors, every) for row in rows):
        return wanted
    chosen = rules.select(rows)
    return frozenset(
        each
        for each in wanted
        if all(are_granted_along(chosen, server, object_class, vectors[first], vectors[each]) for first in _HOLDING)
    )


def _grants_all(kind: int, data: int, vectors: dict[str, int], every: int) -> bool:
    """Tell whether one rule alone settles that nothing is missing: the quick way, which most rules allow."""
    if kind == RuleKind.AUDITALLOW:
        return not data & every
    is_holding = kind == RuleKind.ALLOW and data & (vectors["create"] | vectors["read"])
    return not is_holding or data & every == every
