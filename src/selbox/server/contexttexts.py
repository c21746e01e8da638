"""Contexts as text in large numbers: what has been read or written before is known, part by part."""

from selbox.model.context import Context
from selbox.model.context_text import format_range, parse_identity, parse_range_quietly
from selbox.model.mls import LOWEST, LevelRange
from selbox.model.policy import Policy
from selbox.server.validity import clearance_fault, range_fault, role_fault

_PARTS_KEPT = 1 << 14
"""Identities and ranges that are remembered; when there are more, all are forgotten, so that memory is bounded."""

_LOWEST_RANGE = LevelRange(LOWEST, LOWEST)


class ContextTexts:
    """Reads and writes the contexts of one policy; of many texts, most parts come again.

    Args:
        policy: the policy.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._identities: dict[str, tuple[int, int, int] | None] = {}
        self._ranges: dict[str, LevelRange | None] = {}
        self._range_texts: dict[LevelRange, str] = {}

    def read(self, text: str) -> Context | None:
        """Return a valid context, None when the text is not one.

        Source: the kernel's ``security_context_to_sid``.
        """
        parts = text.split(":", 3)
        if len(parts) == 4:
            range_text = parts[3]
            identity_text = text[: len(text) - len(range_text) - 1]
        else:
            range_text, identity_text = None, text
        if (range_text is None) is self._policy.mls:
            return None
        identity = self._identities.get(identity_text) or self._read_identity(identity_text)
        if identity is None:
            return None
        if range_text is None:
            return Context(*identity, _LOWEST_RANGE)
        level_range = self._ranges.get(range_text) or self._read_range(range_text)
        if level_range is None:
            return None
        context = Context(*identity, level_range)
        return None if clearance_fault(self._policy, context) else context

    def _read_identity(self, text: str) -> tuple[int, int, int] | None:
        if text in self._identities:
            return None
        identity = parse_identity(self._policy, text)
        if identity is not None and role_fault(self._policy, Context(*identity)):
            identity = None
        if len(self._identities) >= _PARTS_KEPT:
            self._identities.clear()
        self._identities[text] = identity
        return identity

    def _read_range(self, text: str) -> LevelRange | None:
        if text in self._ranges:
            return None
        level_range = parse_range_quietly(self._policy, text)
        if level_range is not None and range_fault(self._policy, level_range):
            level_range = None
        if len(self._ranges) >= _PARTS_KEPT:
            self._ranges.clear()
        self._ranges[text] = level_range
        return level_range

    def write(self, context: Context) -> str:
        """Return a context's canonical text; see :func:`selbox.model.context_text.format_context`."""
        policy = self._policy
        user, role, type_id, level_range = context
        text = f"{policy.users[user].name}:{policy.roles[role].name}:{policy.types[type_id].name}"
        if not policy.mls:
            return text
        range_text = self._range_texts.get(level_range)
        if range_text is None:
            if len(self._range_texts) >= _PARTS_KEPT:
                self._range_texts.clear()
            range_text = self._range_texts[level_range] = format_range(policy, level_range)
        return f"{text}:{range_text}"
