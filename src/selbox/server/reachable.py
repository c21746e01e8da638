"""The contexts that a user may be given when logging in from another context."""

from collections.abc import Iterator

from selbox.model.bitset import members
from selbox.model.context import Context
from selbox.model.mls import Level, LevelRange
from selbox.model.policy import Policy
from selbox.model.symbols import User


def user_contexts(policy: Policy, source: Context, user_id: int) -> Iterator[Context]:
    """Iterate over each role of a user with each of its types, at the range that the user gets.

    Whether the source may come to them has not been asked, nor whether they are valid.

    Source: the kernel's ``security_get_user_sids``, in whose order they come.
    """
    user = policy.users[user_id]
    level_range = _range_from(user, source.range) if policy.mls else source.range
    if level_range is not None:
        for role in members(user.roles):
            for type_id in members(policy.roles[role].types):
                yield Context(user_id, role, type_id, level_range)


def _range_from(user: User, source: LevelRange) -> LevelRange | None:
    """Return the range that a user gets; None when the clearances do not meet.

    Source: the kernel's ``mls_setup_user_range``.
    """
    if _is_between(user.default_level, source.low, source.high):
        low = user.default_level
    elif _is_between(source.low, user.default_level, user.range.high):
        low = source.low
    elif _is_between(source.high, user.range.low, user.default_level):
        low = user.range.low
    else:
        return None
    if user.range.high.dominates(source.high):
        return LevelRange(low, source.high)
    return LevelRange(low, user.range.high) if source.high.dominates(user.range.high) else None


def _is_between(level: Level, low: Level, high: Level) -> bool:
    return level.dominates(low) and high.dominates(level)
