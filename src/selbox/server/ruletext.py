"""A rule of a policy in words, and where it was written."""

from typing import Final

from selbox.model.policy import Policy
from selbox.model.rules import NamedTransition, RuleKind

_KEYWORDS: Final = {
    RuleKind.ALLOW: "allow",
    RuleKind.AUDITALLOW: "auditallow",
    RuleKind.DONTAUDIT: "dontaudit",
    RuleKind.TYPE_TRANSITION: "typetransition",
    RuleKind.TYPE_MEMBER: "typemember",
    RuleKind.TYPE_CHANGE: "typechange",
}
_ACCESS: Final = RuleKind.ALLOW | RuleKind.AUDITALLOW | RuleKind.DONTAUDIT


def rule_text(policy: Policy, row: int, permissions: int | None = None) -> str:
    """Return a rule as CIL writes it.

    Args:
        policy: whose rule it is.
        row: row of ``policy.rules``.
        permissions: access vector; of an access rule, only these are named.
    """
    rules = policy.rules
    kind, data = rules.kind[row], rules.data[row]
    source, target = (policy.types[column[row]].name for column in (rules.source, rules.target))
    object_class = policy.classes[rules.object_class[row]]
    if not kind & _ACCESS:
        return f"({_KEYWORDS[RuleKind(kind)]} {source} {target} {object_class.name} {policy.types[data].name})"
    if permissions is not None:
        data &= permissions
    names = (name for bit, name in enumerate(object_class.permissions) if data >> bit & 1)
    return f"({_KEYWORDS[RuleKind(kind)]} {source} {target} ({object_class.name} ({' '.join(names)})))"


def named_transition_text(policy: Policy, rule: NamedTransition) -> str:
    """Return a type transition that asks for the new object's name, as CIL writes it."""
    source, target, result = (policy.types[each].name for each in (rule.source, rule.target, rule.result))
    return f'(typetransition {source} {target} {policy.classes[rule.object_class].name} "{rule.name}" {result})'


def place_text(policy: Policy, row: int) -> str:
    """Return `` at FILE:LINE:COLUMN`` for a rule whose source is known, else nothing."""
    origin = policy.origin(policy.rules.origin[row])
    return f" at {origin.place}" if origin else ""
