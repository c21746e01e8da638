"""Contexts that are written short, such as a type alone, made whole."""

from functools import reduce
from operator import or_

from selbox.diagnostics import SelboxError, did_you_mean
from selbox.model.context import Context
from selbox.model.context_text import INVALID_CONTEXT, format_context, format_level, parse_context, parse_range
from selbox.model.mls import LOWEST, LevelRange
from selbox.model.policy import Policy
from selbox.server.validity import OBJECT_ROLE, context_fault


def complete_context(policy: Policy, text: str) -> tuple[Context, tuple[str, ...]]:
    """Read a context of which parts may be missing.

    Args:
        policy: whose names the text uses.
        text: ``user:role:type:range``, or that without its range, or ``type`` or ``type:range``.

    Returns:
        A valid context, and the parts that were missing: ``user``, ``role``, ``range``. A role is taken that goes with
        the type, one of its name (``staff_r`` for ``staff_t``) or ``system_r`` before others, and ``object_r`` where no
        other does; a user that goes with the role, ``system_u`` before others; and the lowest level of that user.

    Raises:
        SelboxError: code ``invalid-context``.
    """
    first, _, rest = text.partition(":")
    assumed: tuple[str, ...] = ()
    is_type = first in policy.type_ids and first not in policy.user_ids
    if is_type and not policy.types[policy.type_ids[first]].is_attribute:
        type_id = policy.type_ids[first]
        role = _role_of(policy, type_id)
        user = _user_of(policy, role)
        low = policy.users[user].range.low if policy.mls else LOWEST
        context = Context(user, role, type_id, LevelRange(low, low))
        assumed = ("user", "role")
        if rest:
            context = context._replace(range=parse_range(policy, rest))
        elif policy.mls:
            assumed = (*assumed, "range")
    elif policy.mls and text.count(":") == 2 and first in policy.user_ids:
        low = policy.users[policy.user_ids[first]].range.low
        context = parse_context(policy, f"{text}:{format_level(policy, low)}")
        assumed = ("range",)
    elif ":" not in text:
        raise _no_type(policy, text)
    else:
        context = parse_context(policy, text)
    fault = context_fault(policy, context)
    if fault:
        raise SelboxError.of(INVALID_CONTEXT, f"invalid context `{format_context(policy, context)}`: {fault}")
    return context, assumed


def _role_of(policy: Policy, type_id: int) -> int:
    """Return the role that a process of a type most likely has."""
    held = reduce(or_, (user.roles for user in policy.users), 0)  # a role that no user has makes no valid context
    roles = {
        role.name: each
        for each, role in enumerate(policy.roles)
        if each != OBJECT_ROLE and role.types >> type_id & 1 and held >> each & 1
    }
    stem = policy.types[type_id].name.removesuffix("_t")
    for name in (f"{stem}_r", "system_r"):
        if name in roles:
            return roles[name]
    return next(iter(roles.values()), OBJECT_ROLE)


def _user_of(policy: Policy, role: int) -> int:
    users = [each for each, user in enumerate(policy.users) if role == OBJECT_ROLE or user.roles >> role & 1]
    usual = policy.user_ids.get("system_u")
    return usual if usual is not None and usual in users else users[0]


def _no_type(policy: Policy, text: str) -> SelboxError:
    known = policy.type_ids.get(text)
    if known is not None:
        words = f"`{text}` is a type attribute: a context needs one of its types"
        return SelboxError.of(INVALID_CONTEXT, f"invalid context `{text}`: {words}")
    names = (name for name, index in policy.type_ids.items() if not policy.types[index].is_attribute)
    advice = did_you_mean(text, names) or "write a type, or a whole context: user:role:type:range"
    return SelboxError.of(INVALID_CONTEXT, f"invalid context `{text}`: the policy has no type `{text}`", help=advice)
