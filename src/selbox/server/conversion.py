"""Contexts of one policy carried over into another, by the names of their parts."""

from selbox.diagnostics import SelboxError
from selbox.model.bitset import bitset, members
from selbox.model.context import Context
from selbox.model.context_text import format_context, parse_context
from selbox.model.mls import LOWEST, Level, LevelRange
from selbox.model.policy import Policy
from selbox.server.validity import context_fault

Entry = Context | str
"""What a SID stands for: a context of the policy in force, or the text of one that this policy does not know."""


class ContextConverter:
    """Carries contexts from an old policy to a new one.

    Args:
        old: the policy whose contexts come in.
        new: the policy whose contexts go out.
        unlabeled: the new policy's context of the initial SID ``unlabeled``, whose range contexts take that had none.
        enforcing: whether a context that the new policy forbids becomes invalid; permissive, it is kept.

    Source: the kernel's ``services_convert_context`` and ``mls_convert_context``.
    """

    def __init__(self, old: Policy, new: Policy, unlabeled: Context | None, enforcing: bool) -> None:
        self._old = old
        self._new = new
        self._unlabeled = unlabeled
        self._enforcing = enforcing

    def __call__(self, entry: Entry) -> Entry:
        """Return the context in the new policy; the text, where that policy has no such context."""
        if isinstance(entry, str):
            return known_context(self._new, entry) or entry
        converted = self._convert(entry)
        if converted is None or (self._enforcing and context_fault(self._new, converted)):
            return format_context(self._old, entry)
        return converted

    def _convert(self, context: Context) -> Context | None:
        old, new = self._old, self._new
        user = new.user_ids.get(old.users[context.user].name)
        role = new.role_ids.get(old.roles[context.role].name)
        type_id = new.type_ids.get(old.types[context.type].name)
        if user is None or role is None or type_id is None or new.types[type_id].is_attribute:
            return None
        level_range = self._convert_range(context.range)
        return None if level_range is None else Context(user, role, type_id, level_range)

    def _convert_range(self, level_range: LevelRange) -> LevelRange | None:
        if not self._new.mls:
            return LevelRange(LOWEST, LOWEST)
        if not self._old.mls:
            return None if self._unlabeled is None else self._unlabeled.range
        low, high = (self._convert_level(each) for each in level_range)
        return None if low is None or high is None else LevelRange(low, high)

    def _convert_level(self, level: Level) -> Level | None:
        old, new = self._old, self._new
        sensitivity = new.sensitivity_ids.get(old.sensitivities[level.sensitivity].name)
        categories = [new.category_ids.get(old.categories[each].name) for each in members(level.categories)]
        known = [each for each in categories if each is not None]
        return None if sensitivity is None or len(known) < len(categories) else Level(sensitivity, bitset(known))


def known_context(policy: Policy, text: str) -> Context | None:
    """Return the context that a text stands for in a policy; None when it stands for no valid one."""
    try:
        context = parse_context(policy, text)
    except SelboxError:
        return None
    return None if context_fault(policy, context) else context
