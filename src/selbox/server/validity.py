"""Whether the parts of a context may stand together."""

from selbox.model.bitset import includes, members
from selbox.model.context import Context
from selbox.model.context_text import format_level, format_range
from selbox.model.mls import Level, LevelRange
from selbox.model.policy import Policy

OBJECT_ROLE = 0
"""Id of ``object_r``, the role of everything that is no process: valid with every user and type."""


def context_fault(policy: Policy, context: Context) -> str:
    """Say what makes a context invalid; an empty string when it is valid.

    A role other than ``object_r`` must be allowed to the user and the type to the role; levels hold only
    categories that their sensitivity allows, the high level dominates the low one, and, again but for
    ``object_r``, the range lies within the user's.

    Source: the kernel's ``policydb_context_isvalid`` and ``mls_context_isvalid``.
    """
    fault = role_fault(policy, context)
    if fault or not policy.mls:
        return fault
    return range_fault(policy, context.range) or clearance_fault(policy, context)


def role_fault(policy: Policy, context: Context) -> str:
    """Say why user, role and type of a context may not stand together; an empty string when they may."""
    if context.role == OBJECT_ROLE:
        return ""
    role = policy.roles[context.role]
    if not role.types >> context.type & 1:
        return f"role `{role.name}` may not take type `{policy.types[context.type].name}`"
    user = policy.users[context.user]
    if not user.roles >> context.role & 1:
        return f"user `{user.name}` may not take role `{role.name}`"
    return ""


def range_fault(policy: Policy, level_range: LevelRange) -> str:
    """Say why a range is none, whoever has it; an empty string when it is one."""
    low, high = level_range
    fault = _level_fault(policy, low) or _level_fault(policy, high)
    if fault:
        return fault
    if not high.dominates(low):
        return f"the high level `{format_level(policy, high)}` does not dominate the low `{format_level(policy, low)}`"
    return ""


def clearance_fault(policy: Policy, context: Context) -> str:
    """Say that a context's range goes beyond its user's; an empty string when it does not."""
    user = policy.users[context.user]
    if context.role != OBJECT_ROLE and not user.range.contains(context.range):
        clearance = format_range(policy, user.range)
        return f"the range is not within `{clearance}`, which is the clearance of user `{user.name}`"
    return ""


def _level_fault(policy: Policy, level: Level) -> str:
    sensitivity = policy.sensitivities[level.sensitivity]
    if includes(sensitivity.categories, level.categories):
        return ""
    extra = next(members(level.categories & ~sensitivity.categories))
    return f"sensitivity `{sensitivity.name}` does not go with category `{policy.categories[extra].name}`"
