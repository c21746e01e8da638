"""Checks bounds: what is bounded may do and be no more than what bounds it.

Source: ``bounds_check_types``, ``bounds_check_roles`` and ``bounds_check_users`` of libsepol.
"""

from selbox.compiler.resolution import Resolution
from selbox.model.bitset import members
from selbox.model.policy import Policy
from selbox.model.rules import RuleKind


def check_bounds(resolution: Resolution, policy: Policy) -> None:
    """Report every rule that gives a bounded type more than its bounding type has, and such roles and users."""
    _check_types(resolution, policy)
    for role, symbol in zip(policy.roles, resolution.numbered["role"], strict=True):
        if role.bounds is not None and role.types & ~policy.roles[role.bounds].types:
            extra = next(members(role.types & ~policy.roles[role.bounds].types))
            resolution.program.diagnostics.error(
                "cil-bounds",
                f"role `{role.name}` may take type `{policy.types[extra].name}`, "
                f"which `{policy.roles[role.bounds].name}` that bounds it may not",
                symbol.place.tree.span(symbol.form, 1),
            )
    for user, symbol in zip(policy.users, resolution.numbered["user"], strict=True):
        if user.bounds is not None and user.roles & ~policy.users[user.bounds].roles:
            extra = next(members(user.roles & ~policy.users[user.bounds].roles))
            resolution.program.diagnostics.error(
                "cil-bounds",
                f"user `{user.name}` may take role `{policy.roles[extra].name}`, "
                f"which `{policy.users[user.bounds].name}` that bounds it may not",
                symbol.place.tree.span(symbol.form, 1),
            )


def _check_types(resolution: Resolution, policy: Policy) -> None:
    bounded = sum(1 << index for index, each in enumerate(policy.types) if each.bounds is not None)
    if not bounded:
        return
    bounding = sum({1 << each.bounds for each in policy.types if each.bounds is not None})
    rules = policy.rules
    granted: dict[tuple[int, int, int, int], int] = {}
    limited: list[tuple[int, int, int, int, int, int]] = []
    for row, kind in enumerate(rules.kind):
        sources = policy.types[rules.source[row]].types
        if kind != RuleKind.ALLOW or not sources & (bounded | bounding):
            continue
        class_id, vector, condition = rules.object_class[row], rules.data[row], rules.condition[row]
        for target in members(policy.types[rules.target[row]].types):
            for source in members(sources & bounding):
                key = (source, target, class_id, condition)
                granted[key] = granted.get(key, 0) | vector
            origin = rules.origin[row]
            limited += [(source, target, class_id, condition, vector, origin) for source in members(sources & bounded)]
    always = _granted_always(granted)
    for source, target, class_id, condition, vector, origin in limited:
        parent = policy.types[source].bounds
        assert parent is not None  # noqa: S101 - only bounded types are listed
        bound = policy.types[target].bounds
        covered_target = target if bound is None else bound
        covered = always.get((parent, covered_target, class_id), 0)
        covered |= granted.get((parent, covered_target, class_id, condition), 0)
        if vector & ~covered:
            object_class = policy.classes[class_id]
            names = " ".join(object_class.names(vector & ~covered))
            resolution.program.diagnostics.error(
                "cil-bounds",
                f"this lets `{policy.types[source].name}` do more than `{policy.types[parent].name}`, which bounds it: "
                f"`{policy.types[covered_target].name} ({object_class.name} ({names}))`",
                resolution.origins.span(origin),
                f"allow it to `{policy.types[parent].name}` too, or drop the `typebounds`",
            )


def _granted_always(granted: dict[tuple[int, int, int, int], int]) -> dict[tuple[int, int, int], int]:
    """Return what is granted whatever the booleans: without a condition, or in both branches of one."""
    always: dict[tuple[int, int, int], int] = {}
    for (source, target, class_id, condition), vector in granted.items():
        if condition % 2:  # a branch that is taken where the condition is true; the other one comes next
            vector &= granted.get((source, target, class_id, condition + 1), 0)
        elif condition:
            continue
        always[source, target, class_id] = always.get((source, target, class_id), 0) | vector
    return always
