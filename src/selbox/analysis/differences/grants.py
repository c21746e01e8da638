"""Differences in what is granted: what can be done under one policy and not under the other.

Rules are only half of it: constraints, levels, booleans, bounds and permissive domains decide as well. So the security
servers of both policies are asked, wherever their answers may differ, about a process and an object with the users and
roles that their types usually have (:func:`selbox.server.typecontext.type_context`), at the lowest level of the user.

This module imports numpy; only who asks for this imports it.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from selbox.analysis.catalogue import Catalogue
from selbox.analysis.conditions import active_conditions
from selbox.analysis.constrainttext import constraint_text
from selbox.analysis.differences.accessarrays import NOTHING, AccessComparison, AccessRules, Vectors
from selbox.analysis.differences.numbering import Numbering
from selbox.analysis.differences.side import Side
from selbox.analysis.differences.withholding import TYPE_OPERANDS, Withholding
from selbox.analysis.domaintransitions import DomainTransitions
from selbox.analysis.ruletext import permission_names
from selbox.model.bitset import members
from selbox.model.constraint import CompareNames
from selbox.model.context import Context
from selbox.model.context_text import format_context
from selbox.model.mls import LevelRange
from selbox.model.policy import Policy
from selbox.model.rules import RuleKind
from selbox.server.typecontext import type_context
from selbox.typing import NamedTuple


class Grant(NamedTuple):
    """What some types may do to others.

    Attributes:
        sources: names of types, sorted.
        targets: likewise.
        object_class: name of the class.
        permissions: names, sorted.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    object_class: str
    permissions: tuple[str, ...]


class GrantDifferences(NamedTuple):
    """What can be done under one policy alone.

    Attributes:
        gained: what only the right policy grants; what the same types may do to the same types, once.
        lost: what only the left policy grants.
        transitions_gained: domains that a process can go on to under the right policy alone, as source and target.
        transitions_lost: under the left policy alone.
        permissive: types that are permissive under the right policy alone.
        enforced: types that are permissive under the left policy alone.
    """

    gained: tuple[Grant, ...]
    lost: tuple[Grant, ...]
    transitions_gained: tuple[tuple[str, str], ...]
    transitions_lost: tuple[tuple[str, str], ...]
    permissive: tuple[str, ...]
    enforced: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether there is any difference."""
        return any(self)


def grant_differences(left: Side, right: Side) -> GrantDifferences:
    """Compare what two policies grant, with booleans as each policy has them at first."""
    numbering = Numbering(left.catalogue, right.catalogue)
    active = tuple(active_conditions(each.catalogue, each.catalogue.defaults) for each in (left, right))
    comparison = AccessComparison(numbering, left.catalogue, right.catalogue, (active[0], active[1]))
    policies = left.policy, right.policy
    contexts = [_contexts(each) for each in policies]
    before, after = (Withholding(numbering, side, policies[side], contexts[side]) for side in (0, 1))
    found = [NOTHING]
    for rules in comparison.said(RuleKind.ALLOW, whole=not _decide_alike(policies, contexts)):
        granted = rules._replace(left=before.granted(rules, rules.left), right=after.granted(rules, rules.right))
        found.append(granted.select(granted.left != granted.right))
    differences = AccessRules(*map(np.concatenate, zip(*found, strict=True)))
    transitions = [_transitions(each.catalogue) for each in (left, right)]
    permissive = [{each.name for each in side.policy.types if each.permissive} for side in (left, right)]
    return GrantDifferences(
        _grouped(numbering, differences, differences.right & ~differences.left),
        _grouped(numbering, differences, differences.left & ~differences.right),
        tuple(sorted(transitions[1] - transitions[0])),
        tuple(sorted(transitions[0] - transitions[1])),
        tuple(sorted(permissive[1] - permissive[0])),
        tuple(sorted(permissive[0] - permissive[1])),
    )


def _contexts(policy: Policy) -> list[Context | None]:
    """Return for each type the context that decisions about it are asked with; None for attributes."""
    contexts: list[Context | None] = []
    for index, each in enumerate(policy.types):
        found = None
        if not each.is_attribute:
            found = type_context(policy, index)
            low = policy.users[found.user].range.low
            found = found._replace(range=LevelRange(low, low))
        contexts.append(found)
    return contexts


def _decide_alike(policies: Sequence[Policy], contexts: Sequence[Sequence[Context | None]]) -> bool:
    """Tell whether, apart from rules, all is the same that decisions about types of both policies depend on."""
    left, right = ({each.name for each in policy.types if not each.is_attribute} for policy in policies)
    limits = (_limits(*both, left & right) for both in zip(policies, contexts, strict=True))
    # Contexts take the longest to write; the rest mostly says already that policies do not decide alike.
    return all(before == after for before, after in zip(*limits, strict=True))


def _limits(policy: Policy, contexts: Sequence[Context | None], names: set[str]) -> Iterator[object]:
    """Yield what limits decisions about some types beyond rules: constraints, role changes, bounds and contexts."""
    yield policy.handle_unknown
    roles = [each.name for each in policy.roles]
    yield {(roles[each.source], roles[each.target]) for each in policy.role_allows}
    yield {
        each.name: None if each.bounds is None else policy.types[each.bounds].name
        for each in policy.types
        if each.name in names
    }
    yield {
        (
            constraint_text(policy, each),
            tuple(_compared(policy, term, names) for term in each.expression if isinstance(term, CompareNames)),
        )
        for each in policy.constraints
    }
    yield {
        each.name: format_context(policy, context)
        for each, context in zip(policy.types, contexts, strict=True)
        if context is not None and each.name in names
    }


def _compared(policy: Policy, term: CompareNames, names: set[str]) -> frozenset[str]:
    """Return which of some types a term of a constraint names; nothing for terms about users and roles."""
    if term.left not in TYPE_OPERANDS:
        return frozenset()
    return frozenset(policy.types[each].name for each in members(term.ids)) & names


def _transitions(catalogue: Catalogue) -> set[tuple[str, str]]:
    graph = DomainTransitions(catalogue, booleans=catalogue.defaults).graph
    names = catalogue.types
    return {
        (names[source], names[target]) for source, targets in enumerate(graph.successors) for target in members(targets)
    }


def _grouped(numbering: Numbering, places: AccessRules, vectors: Vectors) -> tuple[Grant, ...]:
    """Return what is granted, with sources that may do the same to the same targets together."""
    rows = np.flatnonzero(vectors)
    object_class, source, target, vector = (
        each[rows] for each in (places.object_class, places.source, places.target, vectors)
    )
    order = np.lexsort((target, source, vector, object_class))
    columns = [each[order] for each in (object_class, vector, source)]
    is_start = np.ones(len(order), dtype=bool)
    is_start[1:] = np.any([each[1:] != each[:-1] for each in columns], axis=0)
    starts = np.flatnonzero(is_start)
    listed = target[order].tolist()
    sources: defaultdict[tuple[int, int, tuple[int, ...]], list[int]] = defaultdict(list)
    ends = [*starts[1:].tolist(), len(listed)][: len(starts)]
    for start, end, number, said, subject in zip(
        starts.tolist(), ends, *(each[starts].tolist() for each in columns), strict=True
    ):
        sources[number, said, tuple(listed[start:end])].append(subject)
    names = numbering.types
    return tuple(
        sorted(
            Grant(
                tuple(sorted(names[each] for each in found)),
                tuple(sorted(names[each] for each in onto)),
                numbering.classes[object_class],
                tuple(sorted(permission_names(numbering.permissions[object_class], vector))),
            )
            for (object_class, vector, onto), found in sources.items()
        )
    )
