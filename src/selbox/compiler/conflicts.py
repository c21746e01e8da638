"""Finds transitions that contradict each other: the same source, target and class with different results.

Source: ``__cil_type_rule_to_avtab``, ``__cil_typetransition_to_avtab`` and ``cil_rangetransition_to_policydb`` of
libsepol.
"""

from collections.abc import Hashable, Iterable
from typing import NamedTuple

from selbox.compiler.resolution import Resolution
from selbox.model.bitset import members
from selbox.model.policy import Policy
from selbox.model.rules import ACCESS_KINDS


class _Entry(NamedTuple):
    """One transition: whom it is for, on what, and to what."""

    key: Hashable
    sources: int
    targets: int
    result: int
    condition: int
    origin: int


def check_conflicts(resolution: Resolution, policy: Policy) -> None:
    """Report every pair of transitions that contradict each other, with both places."""
    _check(resolution, _type_rules(policy))
    bits = [each.types for each in policy.types]
    _check(
        resolution,
        (
            _Entry((each.object_class, each.name), bits[each.source], bits[each.target], each.result, 0, each.origin)
            for each in policy.named_transitions
        ),
    )
    _check(
        resolution,
        (
            _Entry(each.object_class, bits[each.source], bits[each.target], each.range, 0, each.origin)
            for each in policy.range_transitions
        ),
    )
    _check(
        resolution,
        (
            _Entry(each.object_class, 1 << each.source, bits[each.target], each.result, 0, each.origin)
            for each in policy.role_transitions
        ),
    )


def _type_rules(policy: Policy) -> Iterable[_Entry]:
    rules = policy.rules
    bits = [each.types for each in policy.types]
    for row, kind in enumerate(rules.kind):
        if kind not in ACCESS_KINDS:
            yield _Entry(
                (kind, rules.object_class[row]),
                bits[rules.source[row]],
                bits[rules.target[row]],
                rules.data[row],
                rules.condition[row],
                rules.origin[row],
            )


def _check(resolution: Resolution, entries: Iterable[_Entry]) -> None:
    seen: dict[tuple[Hashable, int], list[_Entry]] = {}
    reported: set[tuple[int, int]] = set()
    for entry in entries:
        for source in members(entry.sources):
            others = seen.setdefault((entry.key, source), [])
            for other in others:
                if (
                    other.result != entry.result
                    and other.targets & entry.targets
                    and not _exclude_each_other(other.condition, entry.condition)
                    and (other.origin, entry.origin) not in reported
                ):
                    reported.add((other.origin, entry.origin))
                    resolution.program.diagnostics.error(
                        "cil-conflicting-transition",
                        "this transition contradicts another one of the same source, target and class",
                        resolution.origins.span(entry.origin),
                        "remove one of them, or narrow its source or target",
                        (("the other one", resolution.origins.span(other.origin)),),
                    )
            others.append(entry)


def _exclude_each_other(first: int, second: int) -> bool:
    """Tell whether two conditions are the two branches of one conditional."""
    return first > 0 and second > 0 and first != second and (first - 1) // 2 == (second - 1) // 2
