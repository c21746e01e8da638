"""Security contexts as text, read and written in the kernel's canonical form.

Reading knows names and syntax only; whether a context's parts may stand together is the security server's matter.

Source: the kernel's ``string_to_context_struct``, ``mls_context_to_sid`` and ``mls_sid_to_context``.
"""

from collections.abc import Iterable
from typing import NoReturn

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
    parts = text.split(":", 3)
    if len(parts) < 3:
        _fail(text, 0, text, f"a security context is `user:role:type{':range' if policy.mls else ''}`")
    starts = (0, len(parts[0]) + 1, len(parts[0]) + len(parts[1]) + 2)
    user = policy.user_ids.get(parts[0])
    if user is None:
        _unknown(text, starts[0], parts[0], "user", policy.user_ids)
    role = policy.role_ids.get(parts[1])
    if role is None:
        _unknown(text, starts[1], parts[1], "role", policy.role_ids)
    type_id = policy.type_ids.get(parts[2])
    if type_id is None:
        types = (name for name, index in policy.type_ids.items() if not policy.types[index].is_attribute)
        _unknown(text, starts[2], parts[2], "type", types)
    if policy.types[type_id].is_attribute:
        _fail(text, starts[2], parts[2], f"`{parts[2]}` is a type attribute", "a context needs one of its types")
    range_start = starts[2] + len(parts[2]) + 1
    if policy.mls:
        if len(parts) < 4:
            lowest = policy.sensitivities[0].name if policy.sensitivities else "s0"
            _fail(text, starts[2], parts[2], "the range is missing", f"write `{text}:{lowest}`")
        return Context(user, role, type_id, _parse_range(policy, text, range_start, parts[3]))
    if len(parts) == 4:
        _fail(text, range_start, parts[3], "a range is given, but the policy has no MLS", "leave the range out")
    return Context(user, role, type_id, LevelRange(LOWEST, LOWEST))


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
    return _parse_range(policy, text, 0, text)


def _parse_range(policy: Policy, whole: str, start: int, text: str) -> LevelRange:
    low_text, dash, high_text = text.partition("-")
    low = _parse_level(policy, whole, start, low_text)
    if not dash:
        return LevelRange(low, low)
    return LevelRange(low, _parse_level(policy, whole, start + len(low_text) + 1, high_text))


def _parse_level(policy: Policy, whole: str, start: int, text: str) -> Level:
    name, colon, category_text = text.partition(":")
    sensitivity = policy.sensitivity_ids.get(name)
    if sensitivity is None:
        _unknown(whole, start, name, "sensitivity", policy.sensitivity_ids)
    if not colon:
        return Level(sensitivity)
    categories = 0
    place = start + len(name) + 1
    for part in category_text.split(","):
        categories |= _parse_categories(policy, whole, place, part)
        place += len(part) + 1
    return Level(sensitivity, categories)


def _parse_categories(policy: Policy, whole: str, start: int, part: str) -> int:
    first_name, dot, last_name = part.partition(".")
    ids = policy.category_ids
    first = ids.get(first_name)
    if first is None:
        _unknown(whole, start, first_name, "category", ids)
    if not dot:
        return 1 << first
    last = ids.get(last_name)
    if last is None:
        _unknown(whole, start + len(first_name) + 1, last_name, "category", ids)
    if first >= last:
        _fail(whole, start, part, f"`{part}` is no run of categories", "the second must come after the first")
    return (1 << last + 1) - (1 << first)


def _unknown(whole: str, start: int, part: str, noun: str, known: Iterable[str]) -> NoReturn:
    words = f"the policy has no {noun} `{part}`" if part else f"the {noun} is missing"
    _fail(whole, start, part, words, did_you_mean(part, known) if part else "")


def _fail(whole: str, start: int, part: str, words: str, advice: str = "") -> NoReturn:
    span = Span(SourceFile("context", whole), 1, start + 1, max(1, len(part)))
    raise SelboxError.of(INVALID_CONTEXT, f"invalid context `{whole}`: {words}", span, advice)
