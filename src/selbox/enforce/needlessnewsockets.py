"""Which sockets the programs of a box make and accept without being asked: their own, where policy grants it to all.

Unlike what :mod:`selbox.enforce.needlesssockets` finds, this depends on the domains that the programs of a box may come
into. It holds for sockets that have the context of who uses them. INVARIANT: no domain has one of another context that
listens (:meth:`selbox.enforce.socketchecks.SocketChecks.hand_over`).
"""

import os
import socket
import stat
from collections.abc import Iterable
from contextlib import suppress

from selbox.enforce.rulegrants import rules_tell
from selbox.enforce.shortfalls import may_copy_descriptors
from selbox.model.bitset import bitset
from selbox.model.policy import Policy
from selbox.model.rules import RuleKind
from selbox.server.classes import SOCKET_CLASSES
from selbox.server.securityserver import SecurityServer
from selbox.typing import Final

SPARED_ACCEPT: Final = "accept"
SPARED_CLASSES: Final = ("unix_stream_socket", "unix_dgram_socket", "tcp_socket", "udp_socket")
"""Classes whose sockets may be spared to be asked about when they are made."""

_NEVER_ACCEPTING: Final = frozenset({"unix_dgram_socket", "udp_socket", "rawip_socket", "icmp_socket", "packet_socket"})
"""Classes of which no socket accepts; those of netlink are others."""


def needless_new_sockets(server: SecurityServer, domains: Iterable[int]) -> frozenset[str]:
    """Return what a box need not be asked about: ``accept``, and classes of sockets that are made.

    Args:
        server: the policy, and whether it is enforced.
        domains: SIDs of the domains in which its programs run, or start.
    """
    policy = server.policy
    if not server.enforcing or not rules_tell(policy):
        return frozenset()
    reachable = _reachable(policy, bitset(server.context_of(each).type for each in domains))
    if _may(policy, reachable, "process", "setsockcreate", "dyntransition"):
        return frozenset()  # sockets have other contexts than their makers, or had before
    classes = {
        policy.class_ids[each]: _Class(policy, each, reachable) for each in SOCKET_CLASSES & set(policy.class_ids)
    }
    rules = policy.rules
    rows = zip(rules.kind, rules.source, rules.target, rules.object_class, rules.data, rules.condition, strict=True)
    for kind, source, target, object_class, data, condition in rows:
        if object_class in classes:
            classes[object_class].take(kind, source, target, data, is_sure=not condition)
    for each in policy.constraints:
        if each.object_class in classes:
            classes[each.object_class].constrain(each.permissions)
    found = {each.name for each in classes.values() if each.name in SPARED_CLASSES and each.are_all_made}
    are_accepted = all(each.are_all_accepted for each in classes.values())
    if are_accepted and may_copy_descriptors() and not _listens_already():
        found.add(SPARED_ACCEPT)
    return frozenset(found)


class _Class:
    """What policy says of the sockets of a class, for some domains and the sockets that are their own."""

    def __init__(self, policy: Policy, name: str, domains: int) -> None:
        self.name = name
        self._types = policy.types
        self._domains = domains
        permissions = policy.classes[policy.class_ids[name]].permissions
        self._create, self._listen, self._accept = (
            1 << permissions.index(each) if each in permissions else 0 for each in ("create", "listen", "accept")
        )
        self._surely = {self._create: 0, self._accept: 0}
        """Domains that are always granted a permission on sockets of their own."""
        self._creating = 0
        """Those that may be granted to make them."""
        self._unclear = 0 if self._create and self._listen and self._accept else ~0
        """Permissions about which nothing is known."""

    def take(self, kind: int, source: int, target: int, data: int, *, is_sure: bool) -> None:
        """Take a rule about the class into account."""
        sources, targets = self._types[source].types & self._domains, self._types[target].types
        if not sources:
            return
        if kind >= RuleKind.TYPE_TRANSITION:
            self._unclear = ~0  # new sockets may have another type than their makers
        elif kind == RuleKind.AUDITALLOW:
            self._unclear |= data
        elif kind == RuleKind.ALLOW:
            if data & (self._listen | self._accept) and (targets & ~sources or targets & targets - 1):
                self._unclear |= self._accept  # others' sockets, whose connections have the others' context
            own = sources & targets
            if data & self._create:
                self._creating |= own
            for permission in self._surely if is_sure else ():
                if data & permission:
                    self._surely[permission] |= own

    def constrain(self, permissions: int) -> None:
        """Take a constraint into account."""
        self._unclear |= permissions

    @property
    def are_all_made(self) -> bool:
        """Whether every domain is silently granted to make sockets."""
        return not self._unclear & self._create and not self._domains & ~self._surely[self._create]

    @property
    def are_all_accepted(self) -> bool:
        """Whether every domain that could make a socket is silently granted to accept by its own, and by no other's."""
        if self.name in _NEVER_ACCEPTING or self.name.startswith("netlink"):
            return True
        return not self._unclear & self._accept and not self._creating & ~self._surely[self._accept]


def _reachable(policy: Policy, start: int) -> int:
    """Return the types that processes may come to have that begin with some."""
    steps: list[tuple[int, int]] = []
    rules, process = policy.rules, policy.class_ids["process"]
    wanted = _vector(policy, "process", "transition", "dyntransition")
    for row, object_class in enumerate(rules.object_class):
        if object_class == process and rules.kind[row] == RuleKind.ALLOW and rules.data[row] & wanted:
            steps.append((policy.types[rules.source[row]].types, policy.types[rules.target[row]].types))
    reached, before = start, 0
    while reached != before:
        before = reached
        for sources, targets in steps:
            if sources & reached:
                reached |= targets
    return reached


def _may(policy: Policy, domains: int, object_class: str, *permissions: str) -> bool:
    """Tell whether one of some domains may ever be granted one of some permissions of a class."""
    rules, class_id, wanted = policy.rules, policy.class_ids[object_class], _vector(policy, object_class, *permissions)
    return any(
        each == class_id
        and rules.kind[row] == RuleKind.ALLOW
        and rules.data[row] & wanted
        and policy.types[rules.source[row]].types & domains
        for row, each in enumerate(rules.object_class)
    )


def _vector(policy: Policy, object_class: str, *names: str) -> int:
    permissions = policy.classes[policy.class_ids[object_class]].permissions
    return bitset(permissions.index(each) for each in names if each in permissions)


def _listens_already() -> bool:
    """Tell whether the program is handed in a socket that listens, which has its context and perhaps not its rights."""
    for number in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(int(number)).st_mode) and os.get_inheritable(int(number)):
                with socket.socket(fileno=os.dup(int(number))) as handed_in:
                    if handed_in.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                        return True
    return False
