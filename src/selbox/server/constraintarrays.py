"""Constraints as arrays: what they withhold from many pairs of contexts at once.

This module imports numpy; only who decides by the array imports this module.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from selbox.model.constraint import CompareAttributes, CompareNames, Comparison, Connective, ConstraintTerm, Operand
from selbox.model.policy import Policy
from selbox.server.contextarrays import ContextArrays, Ids, Truths
from selbox.typing import NamedTuple, Protocol, cast

_NAMES = {"u": "user", "r": "role", "t": "type", "l": "low", "h": "high"}
_OPEN = 2
_TABLE_LIMIT = 1 << 18
"""Combinations of operands that the values of an expression are written out for at most."""
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

    @property
    def size(self) -> int:
        """How many they are."""
        return len(self.sources)

    def operand(self, operand: Operand) -> Ids:
        """Return what a constraint's operand stands for, of each pair."""
        is_source = operand.value[1] != "2"  # the third context is that of the source, where there is none
        if operand in (Operand.TYPE_1, Operand.TYPE_2, Operand.TYPE_3):
            return self.source_types if is_source else self.target_types
        column: Ids = getattr(self.contexts, _NAMES[operand.value[0]])
        return column[self.sources if is_source else self.targets]


class _Operands(Protocol):
    """What an expression is evaluated for: many things at once, each with a value for every operand."""

    @property
    def size(self) -> int: ...

    def operand(self, operand: Operand) -> Ids: ...


Test = Callable[[_Operands], Truths]


class _Bounds(NamedTuple):
    """What is known of an expression's value: it is at least ``low`` and at most ``high``, which may be one array."""

    low: Truths
    high: Truths


class _Expression(NamedTuple):
    """An expression, made ready.

    Attributes:
        tests: its terms, in postfix order: a test, or a connective.
        level_tests: those tests that are about levels.
        table: the value for all that is not about levels, where that is not too much to be written out.
    """

    tests: tuple[Test | Connective, ...]
    level_tests: frozenset[Test]
    table: "_Table | None"


class _Table(NamedTuple):
    """The value of an expression for each combination of what its operands can be, as far as it tells them apart.

    Attributes:
        places: for each operand what an id adds to the place of the value.
        values: 0 or 1; :data:`_OPEN` where the levels decide.
    """

    places: tuple[tuple[Operand, Ids], ...]
    values: NDArray[np.uint8]


class _Rule(NamedTuple):
    """One expression, which constrains permissions of one class or of many.

    Attributes:
        expression: the expression.
        classes: ids of the classes.
        permissions: what it constrains of each class; by class id.
    """

    expression: _Expression
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
        tests = tuple(term if isinstance(term, Connective) else self._test(term) for term in expression)
        level_tests = frozenset(
            self._test(term) for term in expression if not isinstance(term, Connective) and term.left in _LEVELS
        )
        without_table = _Expression(tests, level_tests, None)
        ready = without_table._replace(table=_table(self._policy, expression, without_table))
        by_class = np.zeros(self._class_count, dtype=np.uint64)
        by_class[list(permissions)] = list(permissions.values())
        return _Rule(ready, tuple(permissions), by_class)

    def _test(self, term: CompareAttributes | CompareNames) -> Test:
        test = self._tests.get(term)
        if test is None:
            test = self._tests[term] = _test(self._policy, term)
        return test

    def withhold(self, pairs: Pairs, classes: Ids, vectors: NDArray[np.uint64]) -> None:
        """Take the permissions out of vectors whose constraints do not hold.

        Args:
            pairs: what is decided about.
            classes: ids of classes that the policy has.
            vectors: of the classes; changed in place.

        Source: the kernel's ``constraint_expr_eval``, and where ``context_struct_compute_av`` calls it.
        """
        # Numbers of 16 bits are sorted in a third of the time.
        order = np.argsort(classes.astype(np.uint16) if self._class_count <= 1 << 16 else classes, kind="stable")
        starts = np.searchsorted(classes[order], np.arange(self._class_count + 1))
        operands: dict[Operand, Ids] = {}
        for rule in self._rules:
            runs = [order[starts[each] : starts[each + 1]] for each in rule.classes if starts[each] != starts[each + 1]]
            if not runs:
                continue
            places = np.concatenate(runs)
            constrained = rule.permissions[classes[places]]
            bearing = np.flatnonzero(vectors[places] & constrained)
            places, constrained = places[bearing], constrained[bearing]
            failing = ~_evaluate(rule.expression, pairs, places, operands)
            vectors[places[failing]] &= ~constrained[failing]


def _evaluate(expression: _Expression, pairs: Pairs, places: Ids, operands: dict[Operand, Ids]) -> Truths:
    """Evaluate an expression for some pairs, with levels compared only for those that nothing else settles.

    Args:
        expression: the expression.
        pairs: the pairs.
        places: which of them.
        operands: those of all pairs, as far as they have been looked up; further ones are added.
    """
    if expression.table is None:
        some = pairs.select(places)
        low, high = _pass(expression, some, with_levels=False)
        is_open = low != high
    else:
        values = _look_up(expression.table, pairs, places, operands)
        low, is_open = values == 1, values == _OPEN
    if expression.level_tests:
        left = np.flatnonzero(is_open)
        if len(left):
            low[left] = _pass(expression, pairs.select(places[left]), with_levels=True).low
    return low


def _look_up(table: _Table, pairs: Pairs, places: Ids, operands: dict[Operand, Ids]) -> NDArray[np.uint8]:
    place = np.zeros(len(places), dtype=np.intp)
    for operand, added in table.places:
        ids = operands.get(operand)
        if ids is None:
            ids = operands[operand] = pairs.operand(operand)
        place += added[ids[places]]
    return table.values[place]


def _pass(expression: _Expression, operands: _Operands, *, with_levels: bool) -> _Bounds:
    """Go through an expression once; without levels, a comparison of levels may come to either."""
    stack: list[_Bounds] = []
    for term in expression.tests:
        if not isinstance(term, Connective):
            if with_levels or term not in expression.level_tests:
                value = term(operands)
                stack.append(_Bounds(value, value))
            else:
                stack.append(_Bounds(np.zeros(operands.size, dtype=bool), np.ones(operands.size, dtype=bool)))
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


class _Combinations:
    """Every combination of what some operands can be, as far as an expression tells them apart.

    Args:
        kinds: for each operand an id of every kind.
    """

    def __init__(self, kinds: dict[Operand, Ids]) -> None:
        self.size = math.prod(map(len, kinds.values()))
        numbers = np.unravel_index(np.arange(self.size), tuple(map(len, kinds.values())))
        self._ids = {operand: ids[number] for (operand, ids), number in zip(kinds.items(), numbers, strict=True)}

    def operand(self, operand: Operand) -> Ids:
        """Return the operand's id in each combination."""
        return self._ids[operand]


def _table(policy: Policy, expression: Sequence[ConstraintTerm], ready: _Expression) -> _Table | None:
    """Write an expression out; None where that would be too much."""
    kind_of_id: dict[Operand, Ids] = {}
    kinds: dict[Operand, Ids] = {}
    for operand, sets in _told_apart(policy, expression).items():
        if sets is None:
            kinds[operand] = kind_of_id[operand] = np.arange(_id_count(policy, operand))
        else:
            _, first, of_id = np.unique(sets, axis=1, return_index=True, return_inverse=True)
            kinds[operand], kind_of_id[operand] = first, of_id.reshape(-1)
    if not kinds or math.prod(map(len, kinds.values())) > _TABLE_LIMIT:
        return None
    combinations = _Combinations(kinds)
    low, high = _pass(ready, combinations, with_levels=False)
    places = []
    stride = combinations.size
    for operand, ids in kinds.items():
        stride //= len(ids)
        places.append((operand, kind_of_id[operand] * stride))
    return _Table(tuple(places), np.where(low == high, low, _OPEN).astype(np.uint8))


def _told_apart(policy: Policy, expression: Sequence[ConstraintTerm]) -> dict[Operand, Truths | None]:
    """Return for each operand the sets of ids that it is compared with, a row each; None where each id matters."""
    sets: dict[Operand, list[Truths] | None] = {}
    for term in expression:
        if isinstance(term, CompareNames):
            known = sets.setdefault(term.left, [])
            if known is not None:
                known.append(_members(term.ids, _id_count(policy, term.left)))
        elif isinstance(term, CompareAttributes) and term.left not in _LEVELS:
            sets[term.left] = sets[term.right] = None
    return {operand: None if found is None else np.array(found) for operand, found in sets.items()}


def _id_count(policy: Policy, operand: Operand) -> int:
    return len({"u": policy.users, "r": policy.roles, "t": policy.types}[operand.value[0]])


def _test(policy: Policy, term: CompareAttributes | CompareNames) -> Test:
    left = term.left
    if isinstance(term, CompareNames):
        among = _members(term.ids, _id_count(policy, left))
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


def _level_dominance(pairs: _Operands, left: Operand, right: Operand) -> Truths:
    # Tests about levels are performed for pairs alone: combinations leave them open.
    return cast(Pairs, pairs).contexts.levels.dominates(pairs.operand(left), pairs.operand(right))


def _role_dominance(policy: Policy) -> Callable[[_Operands, Operand, Operand], Truths]:
    count = len(policy.roles)
    dominated = np.array([_members(role.dominates, count) for role in policy.roles], dtype=bool).reshape(count, count)
    return lambda pairs, left, right: dominated[pairs.operand(left), pairs.operand(right)]
