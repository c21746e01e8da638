"""Security contexts as text, read and written in the kernel's canonical form.

Reading knows names and syntax only; whether a context's parts may stand together is the security server's matter.

Source: the kernel's ``string_to_context_struct``, ``mls_context_to_sid`` and ``mls_sid_to_context``.
"""

from collections.abc import Iterable, Sequence

from selbox.diagnostics import SelboxError, SourceFile, Span, did_you_mean
from selbox.model.bitset import members
from selbox.model.context import Context
from selbox.model.mls import LOWEST, Level, LevelRange
from selbox.model.policy import Policy

INVALID_CONTEXT = "invalid-context"
"""Code of every error about a context: its text, its names, or parts that may not stand together."""


def parse_context(policy: Policy, text: str) -> Context:
    """Read a context's text; aliases of types, sensitivities and categories are understood.

    Args:
        policy: whose names the text uses.
        text: ``user:role:type`` and, in a policy with MLS, ``:low[-high]``.

    Returns:
        The context in ids. Its parts exist; that they may stand together has not been checked.

    Raises:
        SelboxError: code ``invalid-context``, naming the part that is wrong.
    """
    try:
        return _context(policy, text)
    except _FaultError as fault:
        raise fault.error(text) from None


def parse_identity(policy: Policy, text: str) -> tuple[int, int, int] | None:
    """Read ``user:role:type``, the part of a context before its range; None when it is wrong.

    For those who read contexts in large numbers: to say what is wrong takes a hundred times as long.
    """
    try:
        return None if text.count(":") != 2 else _identity(policy, text.split(":"))
    except _FaultError:
        return None


def _context(policy: Policy, text: str) -> Context:
    parts = text.split(":", 3)
    if len(parts) < 3:
        raise _FaultError(0, text, f"a security context is `user:role:type{':range' if policy.mls else ''}`")
    user, role, type_id = _identity(policy, parts)
    type_start = len(parts[0]) + len(parts[1]) + 2
    range_start = type_start + len(parts[2]) + 1
    if policy.mls:
        if len(parts) < 4:
            lowest = policy.sensitivities[0].name if policy.sensitivities else "s0"
            raise _FaultError(type_start, parts[2], "the range is missing", f"write `{text}:{lowest}`")
        return Context(user, role, type_id, _parse_range(policy, range_start, parts[3]))
    if len(parts) == 4:
        words = "a range is given, but the policy has no MLS"
        raise _FaultError(range_start, parts[3], words, "leave the range out")
    return Context(user, role, type_id, LevelRange(LOWEST, LOWEST))


def _identity(policy: Policy, parts: Sequence[str]) -> tuple[int, int, int]:
    starts = (0, len(parts[0]) + 1, len(parts[0]) + len(parts[1]) + 2)
    user = policy.user_ids.get(parts[0])
    if user is None:
        raise _UnknownError(starts[0], parts[0], "user", policy.user_ids)
    role = policy.role_ids.get(parts[1])
    if role is None:
        raise _UnknownError(starts[1], parts[1], "role", policy.role_ids)
    type_id = policy.type_ids.get(parts[2])
    if type_id is None:
        types = (name for name, index in policy.type_ids.items() if not policy.types[index].is_attribute)
        raise _UnknownError(starts[2], parts[2], "type", types)
    if policy.types[type_id].is_attribute:
        words = f"`{parts[2]}` is a type attribute"
        raise _FaultError(starts[2], parts[2], words, "a context needs one of its types")
    return user, role, type_id


def format_context(policy: Policy, context: Context) -> str:
    """Return a context's canonical text, as the kernel shows it.

    A range whose levels are equal is written once; categories ascend; a run of three or more is ``c0.c2``,
    one of two ``c0,c1``.
    """
    text = f"{policy.users[context.user].name}:{policy.roles[context.role].name}:{policy.types[context.type].name}"
    return f"{text}:{format_range(policy, context.range)}" if policy.mls else text


def format_range(policy: Policy, level_range: LevelRange) -> str:
    """Return a range's canonical text: ``low``, or ``low-high`` where they differ."""
    low = format_level(policy, level_range.low)
    return low if level_range.high == level_range.low else f"{low}-{format_level(policy, level_range.high)}"


def format_level(policy: Policy, level: Level) -> str:
    """Return a level's canonical text, such as ``s0`` or ``s0:c1,c4.c7``."""
    name = policy.sensitivities[level.sensitivity].name
    if not level.categories:
        return name
    return f"{name}:{','.join(_runs(policy, level.categories))}"


def _runs(policy: Policy, categories: int) -> list[str]:
    names = policy.categories
    result: list[str] = []
    first = last = -2
    for each in (*members(categories), -2):
        if each == last + 1:
            last = each
            continue
        if first >= 0:
            if last - first > 1:
                result.append(f"{names[first].name}.{names[last].name}")
            else:
                result += [names[index].name for index in range(first, last + 1)]
        first = last = each
    return result


def parse_range(policy: Policy, text: str) -> LevelRange:
    """Read ``low`` or ``low-high``.

    Raises:
        SelboxError: code ``invalid-context``; the levels' order and categories have not been checked.
    """
    try:
        return _parse_range(policy, 0, text)
    except _FaultError as fault:
        raise fault.error(text) from None


def parse_range_quietly(policy: Policy, text: str) -> LevelRange | None:
    """Do what :func:`parse_range` does, with None for what is wrong; see :func:`parse_identity`."""
    try:
        return _parse_range(policy, 0, text)
    except _FaultError:
        return None


def _parse_range(policy: Policy, start: int, text: str) -> LevelRange:
    low_text, dash, high_text = text.partition("-")
    low = _parse_level(policy, start, low_text)
    if not dash:
        return LevelRange(low, low)
    return LevelRange(low, _parse_level(policy, start + len(low_text) + 1, high_text))


def _parse_level(policy: Policy, start: int, text: str) -> Level:
    name, colon, category_text = text.partition(":")
    sensitivity = policy.sensitivity_ids.get(name)
    if sensitivity is None:
        raise _UnknownError(start, name, "sensitivity", policy.sensitivity_ids)
    if not colon:
        return Level(sensitivity)
    categories = 0
    place = start + len(name) + 1
    for part in category_text.split(","):
        categories |= _parse_categories(policy, place, part)
        place += len(part) + 1
    return Level(sensitivity, categories)


def _parse_categories(policy: Policy, start: int, part: str) -> int:
    first_name, dot, last_name = part.partition(".")
    ids = policy.category_ids
    first = ids.get(first_name)
    if first is None:
        raise _UnknownError(start, first_name, "category", ids)
    if not dot:
        return 1 << first
    last = ids.get(last_name)
    if last is None:
        raise _UnknownError(start + len(first_name) + 1, last_name, "category", ids)
    if first >= last:
        raise _FaultError(start, part, f"`{part}` is no run of categories", "the second must come after the first")
    return (1 << last + 1) - (1 << first)


class _FaultError(Exception):
    """What is wrong with a text, before it is put into words for a person.

    Args:
        start: where the part that is wrong begins.
        part: that part.
        words: what is wrong.
        advice: what to do about it.
    """

    def __init__(self, start: int, part: str, words: str, advice: str = "") -> None:
        super().__init__()
        self.start = start
        self.part = part
        self.words = words
        self.advice = advice

    def error(self, whole: str) -> SelboxError:
        """Return the error for a person, who wrote the whole text."""
        span = Span(SourceFile("context", whole), 1, self.start + 1, max(1, len(self.part)))
        return SelboxError.of(INVALID_CONTEXT, f"invalid context `{whole}`: {self.words}", span, self.advice)


class _UnknownError(_FaultError):
    """A name that the policy does not have; the nearest one is looked for when somebody wants to read it."""

    def __init__(self, start: int, part: str, noun: str, known: Iterable[str]) -> None:
        words = f"the policy has no {noun} `{part}`" if part else f"the {noun} is missing"
        super().__init__(start, part, words)
        self._known = known

    def error(self, whole: str) -> SelboxError:
        """Return the error, with the nearest name."""
        self.advice = did_you_mean(self.part, self._known) if self.part else ""
        return super().error(whole)
