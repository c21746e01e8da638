"""Constraints as arrays: what they withhold from many pairs of contexts at once.

This module imports numpy; only who decides by the array imports this module.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from selbox.model.constraint import CompareAttributes, CompareNames, Comparison, Connective, ConstraintTerm, Operand
from selbox.model.policy import Policy
from selbox.server.contextarrays import ContextArrays, Ids, Truths

_NAMES = {"u": "user", "r": "role", "t": "type", "l": "low", "h": "high"}
_LEVELS = frozenset({Operand.LOW_1, Operand.LOW_2, Operand.HIGH_1, Operand.HIGH_2})


class Pairs(NamedTuple):
    """Pairs of contexts that are decided about.

    Attributes:
        contexts: where the contexts are.
        sources: rows of the sources; targets: likewise, of equal length.
        source_types: the sources' type ids, which are others than the contexts' own when bounds are looked at;
        target_types: likewise.
    """

    contexts: ContextArrays
    sources: Ids
    targets: Ids
    source_types: Ids
    target_types: Ids

    def select(self, places: Ids) -> "Pairs":
        """Return some of the pairs."""
        return Pairs(self.contexts, *(column[places] for column in self[1:]))

    def operand(self, operand: Operand) -> Ids:
        """Return what a constraint's operand stands for, of each pair."""
        is_source = operand.value[1] != "2"  # the third context is that of the source, where there is none
        if operand in (Operand.TYPE_1, Operand.TYPE_2, Operand.TYPE_3):
            return self.source_types if is_source else self.target_types
        column: Ids = getattr(self.contexts, _NAMES[operand.value[0]])
        return column[self.sources if is_source else self.targets]


Test = Callable[[Pairs], Truths]


class _Bounds(NamedTuple):
    """What is known of an expression's value: it is at least ``low`` and at most ``high``, which may be one array."""

    low: Truths
    high: Truths


class _Rule(NamedTuple):
    """One expression, which constrains permissions of one class or of many.

    Attributes:
        tests: its terms, in postfix order: a test and whether it is about levels, or a connective.
        classes: ids of the classes.
        permissions: what it constrains of each class; by class id.
    """

    tests: tuple[tuple[Test, bool] | Connective, ...]
    classes: tuple[int, ...]
    permissions: NDArray[np.uint64]


class ConstraintArrays:
    """The constraints of a policy.

    Args:
        policy: the policy.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._class_count = len(policy.classes)
        by_expression: defaultdict[Sequence[ConstraintTerm], dict[int, int]] = defaultdict(dict)
        for each in policy.constraints:
            permissions = by_expression[each.expression]
            permissions[each.object_class] = permissions.get(each.object_class, 0) | each.permissions
        self._tests: dict[ConstraintTerm, Test] = {}
        self._rules = tuple(self._rule(*each) for each in by_expression.items())

    def _rule(self, expression: Sequence[ConstraintTerm], permissions: dict[int, int]) -> _Rule:
        tests: list[tuple[Test, bool] | Connective] = []
        for term in expression:
            if isinstance(term, Connective):
                tests.append(term)
                continue
            test = self._tests.get(term)
            if test is None:
                test = self._tests[term] = _test(self._policy, term)
            tests.append((test, term.left in _LEVELS))
        by_class = np.zeros(self._class_count, dtype=np.uint64)
        by_class[list(permissions)] = list(permissions.values())
        return _Rule(tuple(tests), tuple(permissions), by_class)

    def withhold(self, pairs: Pairs, classes: Ids, vectors: NDArray[np.uint64]) -> None:
        """Take the permissions out of vectors whose constraints do not hold.

        Args:
            pairs: what is decided about.
            classes: ids of classes that the policy has.
            vectors: of the classes; changed in place.

        Source: the kernel's ``constraint_expr_eval``, and where ``context_struct_compute_av`` calls it.
        """
        order = np.argsort(classes, kind="stable")
        starts = np.searchsorted(classes[order], np.arange(self._class_count + 1))
        for rule in self._rules:
            runs = [order[starts[each] : starts[each + 1]] for each in rule.classes if starts[each] != starts[each + 1]]
            if not runs:
                continue
            places = np.concatenate(runs)
            constrained = rule.permissions[classes[places]]
            bearing = (vectors[places] & constrained) != 0
            places, constrained = places[bearing], constrained[bearing]
            failing = ~_evaluate(rule, pairs.select(places))
            vectors[places[failing]] &= ~constrained[failing]


def _evaluate(rule: _Rule, pairs: Pairs) -> Truths:
    """Evaluate an expression, with levels compared only for those pairs that nothing else settles."""
    low, high = _pass(rule, pairs, with_levels=False)
    if low is not high:
        left = np.flatnonzero(low != high)
        if len(left):
            low[left] = _pass(rule, pairs.select(left), with_levels=True).low
    return low


def _pass(rule: _Rule, pairs: Pairs, *, with_levels: bool) -> _Bounds:
    """Go through an expression once; without levels, a comparison of levels may come to either."""
    stack: list[_Bounds] = []
    for term in rule.tests:
        if isinstance(term, tuple):
            test, is_about_levels = term
            if with_levels or not is_about_levels:
                value = test(pairs)
                stack.append(_Bounds(value, value))
            else:
                count = len(pairs.sources)
                stack.append(_Bounds(np.zeros(count, dtype=bool), np.ones(count, dtype=bool)))
        elif term is Connective.NOT:
            operand = stack.pop()
            low = ~operand.high
            stack.append(_Bounds(low, low if operand.low is operand.high else ~operand.low))
        else:
            right, left = stack.pop(), stack.pop()
            join = np.logical_and if term is Connective.AND else np.logical_or
            low = join(left.low, right.low)
            is_known = left.low is left.high and right.low is right.high
            stack.append(_Bounds(low, low if is_known else join(left.high, right.high)))
    return stack.pop()


def _test(policy: Policy, term: CompareAttributes | CompareNames) -> Test:
    left = term.left
    if isinstance(term, CompareNames):
        table = {"u": policy.users, "r": policy.roles, "t": policy.types}[left.value[0]]
        among = _members(term.ids, len(table))
        if term.comparison is not Comparison.EQUAL:
            among = ~among
        return lambda pairs: among[pairs.operand(left)]
    right, comparison = term.right, term.comparison
    if comparison is Comparison.EQUAL:
        return lambda pairs: pairs.operand(left) == pairs.operand(right)
    if comparison is Comparison.NOT_EQUAL:
        return lambda pairs: pairs.operand(left) != pairs.operand(right)
    dominates = _level_dominance if left in _LEVELS else _role_dominance(policy)
    if comparison is Comparison.DOMINATES:
        return lambda pairs: dominates(pairs, left, right)
    if comparison is Comparison.DOMINATED_BY:
        return lambda pairs: dominates(pairs, right, left)
    return lambda pairs: ~(dominates(pairs, left, right) | dominates(pairs, right, left))


def _members(ids: int, count: int) -> Truths:
    size = (count + 7) // 8
    packed = np.frombuffer((ids & (1 << count) - 1).to_bytes(size, "little"), dtype=np.uint8)
    return np.unpackbits(packed, count=count, bitorder="little").astype(bool)


def _level_dominance(pairs: Pairs, left: Operand, right: Operand) -> Truths:
    return pairs.contexts.levels.dominates(pairs.operand(left), pairs.operand(right))


def _role_dominance(policy: Policy) -> Callable[[Pairs, Operand, Operand], Truths]:
    count = len(policy.roles)
    dominated = np.array([_members(role.dominates, count) for role in policy.roles], dtype=bool).reshape(count, count)
    return lambda pairs, left, right: dominated[pairs.operand(left), pairs.operand(right)]
