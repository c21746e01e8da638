"""Differences in what is granted: what can be done under one policy and not under the other.

Rules are only half of it: constraints, levels, booleans, bounds and permissive domains decide as well. So the security
servers of both policies are asked, wherever their answers may differ, about a process and an object with the users and
roles that their types usually have (:func:`selbox.server.typecontext.type_context`), at the lowest level of the user.

This module imports numpy; only who asks for this imports it.
"""

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from selbox.analysis.catalogue import Catalogue
from selbox.analysis.conditions import active_conditions
from selbox.analysis.constrainttext import constraint_text
from selbox.analysis.differences.accessarrays import NOTHING, AccessComparison, AccessRules, Keys, Vectors
from selbox.analysis.differences.numbering import Numbering
from selbox.analysis.differences.side import Side
from selbox.analysis.domaintransitions import DomainTransitions
from selbox.analysis.ruletext import permission_names
from selbox.model.bitset import members
from selbox.model.constraint import CompareNames, Operand
from selbox.model.context import Context
from selbox.model.context_text import format_context
from selbox.model.mls import LevelRange
from selbox.model.policy import Policy
from selbox.model.rules import RuleKind
from selbox.server.securityserver import SecurityServer
from selbox.server.typecontext import type_context
from selbox.typing import NamedTuple

_TYPES = frozenset({Operand.TYPE_1, Operand.TYPE_2, Operand.TYPE_3})


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
    deciders = [_Decider(numbering, side, each.policy) for side, each in enumerate((left, right))]
    found = [NOTHING]
    for rules in comparison.said(RuleKind.ALLOW, whole=not _decide_alike(left.policy, right.policy)):
        granted = [each.granted(rules) for each in deciders]
        found.append(rules._replace(left=granted[0], right=granted[1]).select(granted[0] != granted[1]))
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


def _decide_alike(left: Policy, right: Policy) -> bool:
    """Tell whether, apart from rules, all is the same that decisions about types of both policies depend on."""
    names = {each.name for each in left.types if not each.is_attribute}
    names &= {each.name for each in right.types if not each.is_attribute}
    return _limits(left, names) == _limits(right, names)


def _limits(policy: Policy, names: set[str]) -> tuple[object, ...]:
    """Return what limits decisions about some types beyond rules: constraints, role changes, contexts and bounds."""
    constraints = {
        (
            constraint_text(policy, each),
            tuple(_compared(policy, term, names) for term in each.expression if isinstance(term, CompareNames)),
        )
        for each in policy.constraints
    }
    roles = [each.name for each in policy.roles]
    changes = {(roles[each.source], roles[each.target]) for each in policy.role_allows}
    contexts = {
        each.name: (
            format_context(policy, _context(policy, index)),
            None if each.bounds is None else policy.types[each.bounds].name,
        )
        for index, each in enumerate(policy.types)
        if each.name in names
    }
    return constraints, changes, contexts, policy.handle_unknown


def _context(policy: Policy, type_id: int) -> Context:
    """Return the context that decisions about a type are asked with."""
    found = type_context(policy, type_id)
    low = policy.users[found.user].range.low
    return found._replace(range=LevelRange(low, low))


def _compared(policy: Policy, term: CompareNames, names: set[str]) -> frozenset[str]:
    """Return which of some types a term of a constraint names; nothing for terms about users and roles."""
    if term.left not in _TYPES:
        return frozenset()
    return frozenset(policy.types[each].name for each in members(term.ids)) & names


class _Decider:
    """Asks the security server of one policy.

    Args:
        numbering: of both policies.
        side: which of them it is.
        policy: the policy.
    """

    def __init__(self, numbering: Numbering, side: int, policy: Policy) -> None:
        self._numbering = numbering
        self._side = side
        self._server = server = SecurityServer(policy)
        self._sids = np.full(len(numbering.types), -1, dtype=np.int64)
        for index, number in enumerate(numbering.sets_of[side]):
            if not policy.types[index].is_attribute:
                self._sids[number] = server.sid_for(_context(policy, index))
        self._classes = np.full(len(numbering.classes), -1, dtype=np.int64)
        self._classes[numbering.classes_of[side]] = np.arange(len(policy.classes))

    def granted(self, rules: AccessRules) -> Vectors:
        """Return what the policy grants where rules say something, by the bits that both policies have in common."""
        source, target = self._sids[rules.source], self._sids[rules.target]
        object_class = self._classes[rules.object_class]
        result = np.zeros(len(source), dtype=np.uint64)
        is_known = np.flatnonzero((source >= 0) & (target >= 0) & (object_class >= 0))
        if len(is_known):
            decided = self._server.compute_access_arrays(source[is_known], target[is_known], object_class[is_known])
            result[is_known] = _translated(self._numbering, self._side, object_class[is_known], decided.allowed)
        return result


def _translated(numbering: Numbering, side: int, classes: Keys, allowed: NDArray[np.uint32]) -> Vectors:
    """Return access vectors by the bits that both policies have in common, without what a class does not define."""
    permissions = numbering.permissions_of[side]
    defined = np.array([(1 << len(bits)) - 1 for bits in permissions], dtype=np.uint64)
    vectors: Vectors = allowed & defined[classes]
    for object_class, bits in enumerate(permissions):
        if bits != [*range(len(bits))]:
            rows = np.flatnonzero(classes == object_class)
            moved = np.zeros(len(rows), dtype=np.uint64)
            for own, common in enumerate(bits):
                moved |= (vectors[rows] >> np.uint64(own) & np.uint64(1)) << np.uint64(common)
            vectors[rows] = moved
    return vectors


def _transitions(catalogue: Catalogue) -> set[tuple[str, str]]:
    graph = DomainTransitions(catalogue, booleans=catalogue.defaults).graph
    names = catalogue.types
    return {
        (names[source], names[target]) for source, targets in enumerate(graph.successors) for target in members(targets)
    }


def _grouped(numbering: Numbering, places: AccessRules, vectors: Vectors) -> tuple[Grant, ...]:
    """Return what is granted, with sources that may do the same to the same targets together."""
    rows = np.flatnonzero(vectors)
    columns = (each[rows].tolist() for each in (places.object_class, places.source, places.target, vectors))
    targets: defaultdict[tuple[int, int, int], list[int]] = defaultdict(list)
    for object_class, source, target, vector in zip(*columns, strict=True):
        targets[object_class, vector, source].append(target)
    sources: defaultdict[tuple[int, int, tuple[int, ...]], list[int]] = defaultdict(list)
    for (object_class, vector, source), found in targets.items():
        sources[object_class, vector, tuple(found)].append(source)
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
