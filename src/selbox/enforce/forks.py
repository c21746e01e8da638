"""Whether new processes need to be asked about one by one.

A call that waits for the supervisor can be broken off by a signal before it was received; ``fork`` of a kernel never
is, and some shells take the error for final. So where every domain of a policy may fork, whatever its state, forks are
not notified at all; ``process fork`` is then asked when a task enters a domain.
"""

from selbox.diagnostics import SelboxError
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.domains import domain_context
from selbox.model.bitset import members
from selbox.server.decision import PERMISSIVE_FLAG
from selbox.server.securityserver import SecurityServer
from selbox.typing import Final

FORKS: Final = frozenset({"fork", "vfork", "clone"})
"""The calls that make processes."""


def every_domain_may_fork(server: SecurityServer) -> bool:
    """Tell whether each type that a role other than ``object_r`` may have is always granted ``process fork``."""
    policy = server.policy
    process = server.vector("process", ("fork",))
    limited = any(
        each.object_class == process.object_class and each.permissions & process.vector for each in policy.constraints
    )
    if policy.conditionals or limited or process.unknown:
        return False
    domains = 0
    for role in policy.roles[1:]:
        domains |= role.types
    return all(
        _may_fork(server, policy.types[each].name, process.object_class, process.vector) for each in members(domains)
    )


def _may_fork(server: SecurityServer, domain: str, process: int, fork: int) -> bool:
    try:
        sid = server.sid_for(domain_context(server, domain))
    except SelboxError:
        return True  # no user may have it, so that no process ever does
    decision = server.compute_access(sid, sid, process)
    quietly = decision.allowed & ~decision.auditallow & fork == fork
    return quietly and not decision.flags & PERMISSIVE_FLAG


def check_entered(box: Box, caller: Caller, sid: int) -> None:
    """Ask, when a task enters a domain, what is not asked at each fork.

    Raises:
        AccessDenied: for a domain that may not fork, which without notifications could not be kept from it.
    """
    if "fork" in box.settings.spared:
        box.monitor.check(caller, sid, "process", ("fork",), dict, source=sid)
