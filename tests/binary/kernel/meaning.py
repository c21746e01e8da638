"""What a policy means, in a form that two policies can be compared in."""

from collections.abc import Hashable

from selbox.model.constraint import CompareNames, ConstraintTerm
from selbox.model.context import Context
from selbox.model.mls import LOWEST, LevelRange
from selbox.model.policy import Policy
from selbox.model.rules import RuleKind

_SAME = (
    "classes",
    "types",
    "booleans",
    "sensitivities",
    "conditionals",
    "policy_capabilities",
    "handle_unknown",
    "mls",
    "target",
    "unknown_capabilities",
    "unknown_config",
)
_LABELS = (
    "genfs_contexts",
    "filesystem_uses",
    "filesystem_contexts",
    "port_contexts",
    "interface_contexts",
    "infiniband_keys",
    "infiniband_ports",
    "xen_interrupts",
    "xen_ports",
    "xen_memory",
    "xen_devices",
    "xen_device_tree",
)


def meaning(policy: Policy) -> dict[str, object]:
    """Everything that decides anything, with statements merged and without their places."""
    result: dict[str, object] = {name: getattr(policy, name) for name in _SAME}
    # The file has no names of initial SIDs, and leaves those without a context out.
    sids = enumerate(policy.initial_sids)
    result["initial_sids"] = {number: _without_place(policy, each)[1] for number, each in sids if each.context}
    result["roles"] = [(each.name, each.types, each.bounds, each.dominates) for each in policy.roles[1:]]
    result["users"] = [each._replace(roles=each.roles & ~1, prefix=None) for each in policy.users]
    if not policy.mls:
        result["users"] = [(each.name, each.roles & ~1, each.bounds) for each in policy.users]
    result["commons"] = set(policy.commons)
    result["rules"] = _rules(policy)
    result["extended"] = _extended(policy)
    result["named"] = {each[:5] for each in policy.named_transitions}
    result["ranges"] = {(*each[:3], policy.ranges[each.range]) for each in policy.range_transitions}
    result["role rules"] = {each[:-1] for each in (*policy.role_allows, *policy.role_transitions)}
    result["constraints"] = sorted(
        (each.object_class, each.permissions, str([_term(term) for term in each.expression]))
        for each in policy.constraints
    )
    result["validate"] = sorted(
        (each.object_class, str([_term(term) for term in each.expression])) for each in policy.validate_transitions
    )
    for name in _LABELS:
        result[name] = [_without_place(policy, each) for each in getattr(policy, name)]
    nodes = sorted(policy.node_contexts, key=lambda each: len(each.address))
    result["nodes"] = [_without_place(policy, each) for each in nodes]
    return result


def _without_place(policy: Policy, label: tuple[object, ...]) -> tuple[object, ...]:
    """Return a label without its origin, and in a policy without MLS without its range."""
    lowest = LevelRange(LOWEST, LOWEST)
    return tuple(
        value._replace(range=lowest) if isinstance(value, Context) and not policy.mls else value
        for value, field in zip(label, label._fields, strict=True)  # type: ignore[attr-defined]
        if field != "origin"
    )


def _term(term: ConstraintTerm) -> Hashable:
    if isinstance(term, CompareNames):
        names = frozenset(term.names) if term.left.value.startswith("t") else frozenset()
        return term._replace(names=tuple(sorted(names)), excluded=tuple(sorted(term.excluded)))
    return term


def _rules(policy: Policy) -> dict[tuple[int, ...], int]:
    merged: dict[tuple[int, ...], int] = {}
    for rule in policy.rules:
        key = (rule.kind, rule.source, rule.target, rule.object_class, rule.condition)
        if rule.kind < RuleKind.TYPE_TRANSITION:
            merged[key] = merged.get(key, 0) | rule.data
        else:
            merged.setdefault(key, rule.data)
    return merged


def _extended(policy: Policy) -> dict[tuple[int, ...], int]:
    merged: dict[tuple[int, ...], int] = {}
    for rule in policy.extended_rules:
        key = (rule.kind, rule.source, rule.target, rule.object_class, rule.specifier, rule.driver, rule.condition)
        merged[key] = merged.get(key, 0) | rule.permissions
    return merged
