"""Which calls need no asking, since policy grants all that they would be asked for.

The filter of a box is made once, so what is found here must hold for every task of it and as long as it runs.
"""

from collections.abc import Iterable

from selbox.enforce.forks import FORKS, every_domain_may_fork
from selbox.enforce.needlessnewsockets import needless_new_sockets
from selbox.enforce.needlesssockets import needless_socket_calls
from selbox.enforce.rulegrants import are_granted_along, rules_tell
from selbox.enforce.seccomp.parts.openfiles import SPARED_CLOSE_ON_EXEC, SPARED_FLAGS
from selbox.server.securityserver import SecurityServer
from selbox.typing import Final

MAPPED_CLASSES: Final = ("file", "chr_file", "blk_file")
"""Classes of what can be mapped and has a label."""

_WRITTEN_CLASSES: Final = (*MAPPED_CLASSES, "fifo_file")


def needless_calls(server: SecurityServer, domains: Iterable[int]) -> frozenset[str]:
    """Return calls that a box need not be asked about; ``mmap`` stands for mappings that nobody runs.

    Args:
        server: the policy, and whether it is enforced.
        domains: SIDs of the domains in which its programs run, or start.
    """
    needless = FORKS if every_domain_may_fork(server) else frozenset[str]()
    if server.enforcing and all(grants_along(server, each, "read", "map") for each in MAPPED_CLASSES):
        needless |= {"mmap"}
    if server.enforcing and all(grants_along(server, each, "append", "write") for each in _WRITTEN_CLASSES):
        needless |= {SPARED_FLAGS}
    if "ioctl_skip_cloexec" in server.policy.policy_capabilities:
        needless |= {SPARED_CLOSE_ON_EXEC}
    return needless | needless_socket_calls(server) | needless_new_sockets(server, domains)


def grants_along(server: SecurityServer, object_class: str, first: str, second: str) -> bool:
    """Tell whether whoever is granted one permission of a class is always silently granted another as well.

    False means nothing: it is what is answered where it cannot be told quickly.

    Args:
        server: the policy.
        object_class: name.
        first: permission that a task has shown to have, by opening a file for instance.
        second: permission that it is asked for later.
    """
    policy = server.policy
    one, other = server.vector(object_class, (first,)), server.vector(object_class, (second,))
    if one.unknown or other.unknown or not rules_tell(policy):
        return False
    if any(
        each.object_class == one.object_class and each.permissions & other.vector and not each.permissions & one.vector
        for each in policy.constraints
    ):
        return False
    return are_granted_along(policy.rules, server, one.object_class, one.vector, other.vector)
