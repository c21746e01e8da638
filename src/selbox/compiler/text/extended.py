"""Extended rules as text: merged by key, numbers as ranges."""

from selbox.compiler.text.runs import runs
from selbox.compiler.text.syntax import Syntax
from selbox.model.extended import ExtendedKind, ExtendedRule, ExtendedSpecifier
from selbox.model.policy import Policy
from selbox.typing import Final

_PERMISSIONS: Final = {
    ExtendedSpecifier.IOCTL_FUNCTION: "ioctl",
    ExtendedSpecifier.IOCTL_DRIVER: "ioctl",
    ExtendedSpecifier.NETLINK_MESSAGE: "nlmsg",
}
"""Whose numbers an extended rule is about."""


def extended_lines(policy: Policy, syntax: Syntax) -> dict[tuple[int, ExtendedKind], list[str]]:
    """Return the sorted extended rules by condition and kind; rules of the same key have become one."""
    merged: dict[tuple[int, ExtendedKind, int, int, int, ExtendedSpecifier, int], int] = {}
    for rule in policy.extended_rules:
        key = rule.condition, rule.kind, rule.source, rule.target, rule.object_class, rule.specifier, rule.driver
        merged[key] = merged.get(key, 0) | rule.permissions
    lines: dict[tuple[int, ExtendedKind], list[str]] = {}
    for (condition, kind, source, target, object_class, specifier, driver), permissions in merged.items():
        if not permissions:
            continue
        rule = ExtendedRule(kind, source, target, object_class, specifier, driver, permissions)
        lines.setdefault((condition, kind), []).append(extended_rule_text(policy, syntax, rule))
    for each in lines.values():
        each.sort()
    return lines


def extended_rule_text(policy: Policy, syntax: Syntax, rule: ExtendedRule) -> str:
    """Return an extended rule as a language writes it, without its condition.

    Args:
        policy: whose ids it holds.
        syntax: of the language.
        rule: the rule.
    """
    own = rule.source == rule.target and not policy.types[rule.source].is_attribute
    return syntax.extended_rule.format(
        keyword=syntax.extended_words[rule.kind],
        source=policy.types[rule.source].name,
        target="self" if own else policy.types[rule.target].name,
        permission=_PERMISSIONS[rule.specifier],
        object_class=policy.classes[rule.object_class].name,
        numbers=" ".join(_numbers(rule.specifier, rule.driver, rule.permissions, syntax.number_range)),
    )


def _numbers(specifier: ExtendedSpecifier, driver: int, permissions: int, template: str) -> list[str]:
    """Return the numbers of a rule as hexadecimal texts, neighbours as ranges."""
    result = []
    for first, last in runs(permissions):
        if specifier is ExtendedSpecifier.IOCTL_DRIVER:
            low, high = first << 8, last << 8 | 0xFF
        else:
            low, high = driver << 8 | first, driver << 8 | last
        result.append(f"{low:#x}" if low == high else template.format(low=f"{low:#x}", high=f"{high:#x}"))
    return result
