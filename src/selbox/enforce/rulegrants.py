"""Whether permissions go along with others, as far as rules alone tell."""

from selbox.model.policy import Policy
from selbox.model.rules import RuleKind, Rules
from selbox.server.securityserver import SecurityServer
from selbox.typing import Final

_MANY_RULES: Final = 20_000
"""Policies with more rules are not searched: it would take longer than it saves."""


def rules_tell(policy: Policy) -> bool:
    """Tell whether rules alone say what a policy grants, and are few enough to be searched.

    A permissive type is granted more than they say, a bounded one less.
    """
    return len(policy.rules) <= _MANY_RULES and not any(
        each.permissive or each.bounds is not None for each in policy.types
    )


def are_granted_along(rules: Rules, server: SecurityServer, object_class: int, first: int, second: int) -> bool:
    """Tell whether whoever has a permission by some rules always silently has another by them.

    Args:
        rules: all rules about the class, and perhaps others.
        server: whose types they name.
        object_class: class id.
        first: access vector of the permission that one has.
        second: access vector of the other.
    """
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
