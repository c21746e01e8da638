"""Contexts that are written short, such as a type alone, made whole."""

from selbox.diagnostics import SelboxError, did_you_mean
from selbox.model.context import Context
from selbox.model.context_text import INVALID_CONTEXT, format_context, format_level, parse_context, parse_range
from selbox.model.mls import LevelRange
from selbox.model.policy import Policy
from selbox.server.typecontext import process_contexts, type_context
from selbox.server.validity import context_fault


def complete_context(policy: Policy, text: str) -> tuple[Context, tuple[str, ...]]:
    """Read a context of which parts may be missing.

    Args:
        policy: whose names the text uses.
        text: ``user:role:type:range``, or that without its range, or ``type`` or ``type:range``.

    Returns:
        A valid context, and the parts that were missing: ``user``, ``role``, ``range``. User, role and level of a type
        alone are those of :func:`selbox.server.typecontext.type_context`; with a range, of the next user that is
        cleared for it.

    Raises:
        SelboxError: code ``invalid-context``.
    """
    first, _, rest = text.partition(":")
    assumed: tuple[str, ...] = ()
    is_type = first in policy.type_ids and first not in policy.user_ids
    if is_type and not policy.types[policy.type_ids[first]].is_attribute:
        context = type_context(policy, policy.type_ids[first])
        assumed = ("user", "role", "range") if policy.mls else ("user", "role")
        if rest:
            context = _with_range(policy, context, parse_range(policy, rest))
            assumed = ("user", "role")
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


def _with_range(policy: Policy, context: Context, level_range: LevelRange) -> Context:
    """Return a type's context with a range, of another user or role where the first is not cleared for it."""
    others = (each._replace(range=level_range) for each in process_contexts(policy, context.type))
    first = context._replace(range=level_range)
    return next((each for each in (first, *others) if not context_fault(policy, each)), first)


def _no_type(policy: Policy, text: str) -> SelboxError:
    known = policy.type_ids.get(text)
    if known is not None:
        words = f"`{text}` is a type attribute: a context needs one of its types"
        return SelboxError.of(INVALID_CONTEXT, f"invalid context `{text}`: {words}")
    names = (name for name, index in policy.type_ids.items() if not policy.types[index].is_attribute)
    advice = did_you_mean(text, names) or "write a type, or a whole context: user:role:type:range"
    return SelboxError.of(INVALID_CONTEXT, f"invalid context `{text}`: the policy has no type `{text}`", help=advice)
