"""Checks ``neverallow`` assertions against every rule of the policy, conditional ones included.

Source: ``check_assertions`` of libsepol.
"""

from selbox.compiler.resolution import Resolution
from selbox.compiler.rules import NeverAllow
from selbox.model.policy import Policy
from selbox.model.rules import RuleKind


def check_neverallows(resolution: Resolution, policy: Policy) -> None:
    """Report every allow rule that grants what an assertion excludes, with both places."""
    assertions = resolution.rules.neverallows
    if not assertions:
        return
    by_class: dict[int, list[int]] = {}
    rules = policy.rules
    for row, kind in enumerate(rules.kind):
        if kind == RuleKind.ALLOW:
            by_class.setdefault(rules.object_class[row], []).append(row)
    for assertion in assertions:
        _check(resolution, policy, assertion, by_class)


def _check(resolution: Resolution, policy: Policy, assertion: NeverAllow, by_class: dict[int, list[int]]) -> None:
    bits = resolution.identities.types.bits
    forbidden_sources = bits(assertion.source)
    forbidden_targets = None if assertion.target is None else bits(assertion.target)
    rules = policy.rules
    types = policy.types
    for class_id, vector in assertion.vectors:
        for row in by_class.get(class_id, ()):
            if not rules.data[row] & vector:
                continue
            sources = types[rules.source[row]].types & forbidden_sources
            targets = types[rules.target[row]].types
            if forbidden_targets is None:
                sources &= targets
                hit = sources
            else:
                hit = targets & forbidden_targets
            if sources and hit:
                _report(resolution, policy, assertion, row, rules.data[row] & vector)


def _report(resolution: Resolution, policy: Policy, assertion: NeverAllow, row: int, vector: int) -> None:
    rule = policy.rules[row]
    object_class = policy.classes[rule.object_class]
    granted = " ".join(object_class.names(vector))
    source, target = policy.types[rule.source].name, policy.types[rule.target].name
    resolution.program.diagnostics.error(
        "cil-neverallow",
        f"a rule grants what this forbids: `allow {source} {target} ({object_class.name} ({granted}))`",
        assertion.place.tree.span(assertion.form),
        "narrow the rule, or the assertion if it says more than is meant",
        (("the rule", resolution.origins.span(rule.origin)),),
    )
