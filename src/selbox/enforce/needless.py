"""Which calls need no asking, since policy grants all that they would be asked for.

The filter of a box is made once, so what is found here must hold for every task of it and as long as it runs.
"""

from typing import Final

from selbox.enforce.forks import FORKS, every_domain_may_fork
from selbox.enforce.seccomp.parts.openfiles import SPARED_CLOSE_ON_EXEC, SPARED_FLAGS
from selbox.model.rules import RuleKind, Rules
from selbox.server.securityserver import SecurityServer

MAPPED_CLASSES: Final = ("file", "chr_file", "blk_file")
"""Classes of what can be mapped and has a label."""

_WRITTEN_CLASSES: Final = (*MAPPED_CLASSES, "fifo_file")

_MANY_RULES: Final = 20_000
"""Policies with more rules are not searched: it would take longer than it saves."""


def needless_calls(server: SecurityServer) -> frozenset[str]:
    """Return calls that a box need not be asked about; ``mmap`` stands for mappings that nobody runs.

    Args:
        server: the policy, and whether it is enforced.
    """
    needless = FORKS if every_domain_may_fork(server) else frozenset[str]()
    if server.enforcing and all(grants_along(server, each, "read", "map") for each in MAPPED_CLASSES):
        needless |= {"mmap"}
    if server.enforcing and all(grants_along(server, each, "append", "write") for each in _WRITTEN_CLASSES):
        needless |= {SPARED_FLAGS}
    if "ioctl_skip_cloexec" in server.policy.policy_capabilities:
        needless |= {SPARED_CLOSE_ON_EXEC}
    return needless


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
    if one.unknown or other.unknown or len(policy.rules) > _MANY_RULES:
        return False
    if any(each.permissive or each.bounds is not None for each in policy.types):
        return False
    if any(
        each.object_class == one.object_class and each.permissions & other.vector and not each.permissions & one.vector
        for each in policy.constraints
    ):
        return False
    return _rules_grant_along(policy.rules, server, one.object_class, one.vector, other.vector)


def _rules_grant_along(rules: Rules, server: SecurityServer, object_class: int, first: int, second: int) -> bool:
    types = server.policy.types
    granting: dict[int, int] = {}
    wanting: list[tuple[int, int]] = []
    columns = (rules.kind, rules.source, rules.target, rules.object_class, rules.data, rules.condition)
    for kind, source, target, rule_class, data, condition in zip(*columns, strict=True):
        if rule_class != object_class:
            continue
        if kind == RuleKind.AUDITALLOW:
            if data & second:
                return False
        elif kind == RuleKind.ALLOW:
            if data & second and not condition:
                granting[source] = granting.get(source, 0) | types[target].types
                if data & first:
                    continue
            if data & first:
                wanting.append((source, target))
    return all(_is_granted(types[source].types, types[target].types, granting, server) for source, target in wanting)


def _is_granted(sources: int, targets: int, granting: dict[int, int], server: SecurityServer) -> bool:
    """Tell whether rules grant every one of some types access to every one of some others."""
    types = server.policy.types
    for source, granted in granting.items():
        if not sources & ~types[source].types:
            targets &= ~granted
            if not targets:
                return True
    return not targets
