"""Constraint expressions, made ready to be evaluated often.

The postfix form is turned into functions that call one another, with ``and`` and ``or`` stopping at the first
operand that settles them: expressions have no side effects, so the answer is the kernel's.
"""

from collections.abc import Callable, Sequence

from selbox.model.constraint import (
    CompareAttributes,
    CompareNames,
    Comparison,
    Connective,
    ConstraintTerm,
    Operand,
)
from selbox.model.context import Context
from selbox.model.mls import Level
from selbox.model.policy import Policy
from selbox.typing import NamedTuple


class Operands(NamedTuple):
    """The parts of the contexts, in the order in which predicates look them up.

    Attributes:
        ids: user, role and type of the source, of the target, and of the third context.
        levels: low and high level of the source, then of the target.
    """

    ids: tuple[int, ...]
    levels: tuple[Level, ...]

    @classmethod
    def of(cls, source: Context, target: Context, task: Context | None = None) -> "Operands":
        """Spread out two contexts; ``task`` is the third one, which only ``validatetrans`` looks at."""
        third = task or source
        return cls(
            (source[0], source[1], source[2], target[0], target[1], target[2], third[0], third[1], third[2]),
            (*source[3], *target[3]),
        )


Predicate = Callable[[Operands], bool]

_ID_PLACES = {
    Operand.USER_1: 0,
    Operand.ROLE_1: 1,
    Operand.TYPE_1: 2,
    Operand.USER_2: 3,
    Operand.ROLE_2: 4,
    Operand.TYPE_2: 5,
    Operand.USER_3: 6,
    Operand.ROLE_3: 7,
    Operand.TYPE_3: 8,
}
_LEVEL_PLACES = {Operand.LOW_1: 0, Operand.HIGH_1: 1, Operand.LOW_2: 2, Operand.HIGH_2: 3}


_DEEPEST = 64
"""Functions that may call one another for an expression, one in the other; the interpreter allows a thousand calls. No
policy that people write comes near; a file may hold anything."""


def compile_expression(policy: Policy, expression: Sequence[ConstraintTerm]) -> Predicate:
    """Turn an expression into a function of the operands.

    Source: the kernel's ``constraint_expr_eval``. Roles dominate themselves alone, for no policy language of today
    declares role dominance; and ``object_r`` dominates nothing, for libsepol writes it without even itself.
    """
    if _nesting(expression) > _DEEPEST:
        return _step_by_step(compile_terms(policy, expression))
    stack: list[tuple[Connective | None, list[Predicate]]] = []
    for term in expression:
        if isinstance(term, CompareNames):
            stack.append((None, [_compare_names(policy, term)]))
        elif isinstance(term, CompareAttributes):
            stack.append((None, [_compare_attributes(policy, term)]))
        elif term is Connective.NOT:
            stack.append((None, [_negation(_joined(*stack.pop()))]))
        else:
            right, left = stack.pop(), stack.pop()
            operands = _operands_under(term, left)
            operands += _operands_under(term, right)
            stack.append((term, operands))
    return _joined(*stack.pop())


def _nesting(expression: Sequence[ConstraintTerm]) -> int:
    """Return how many connectives stand one under the other; a chain of the same one counts once."""
    deepest = 0
    stack: list[tuple[Connective | None, int]] = []
    for term in expression:
        if not isinstance(term, Connective):
            stack.append((None, 0))
        elif term is Connective.NOT:
            stack[-1] = (term, stack[-1][1] + 1)
        else:
            operands = stack.pop(), stack[-1]
            stack[-1] = (term, max(depth + (inner is not term) for inner, depth in operands))
        deepest = max(deepest, stack[-1][1])
    return deepest


def _step_by_step(terms: "Sequence[Term]") -> Predicate:
    """Return a function that evaluates an expression as the kernel does, however deep it is."""
    return lambda operands: term_truths(terms, operands)[-1]


Term = Predicate | Connective
"""A comparison made ready, or a connective."""


def compile_terms(policy: Policy, expression: Sequence[ConstraintTerm]) -> tuple[Term, ...]:
    """Make the comparisons of an expression ready, each by itself, for :func:`term_truths`."""
    return tuple(
        _compare_names(policy, term)
        if isinstance(term, CompareNames)
        else _compare_attributes(policy, term)
        if isinstance(term, CompareAttributes)
        else term
        for term in expression
    )


def term_truths(terms: Sequence[Term], operands: Operands) -> tuple[bool, ...]:
    """Evaluate an expression without leaving anything out.

    Returns:
        What each term comes to with all that is under it, in postfix order; the last is the whole expression's.
    """
    truths: list[bool] = []
    stack: list[bool] = []
    for term in terms:
        if not isinstance(term, Connective):
            stack.append(term(operands))
        elif term is Connective.NOT:
            stack[-1] = not stack[-1]
        else:
            right = stack.pop()
            stack[-1] = (stack[-1] and right) if term is Connective.AND else (stack[-1] or right)
        truths.append(stack[-1])
    return tuple(truths)


def _operands_under(connective: Connective, part: tuple[Connective | None, list[Predicate]]) -> list[Predicate]:
    """Return what ``part`` adds to a chain: a chain of the same connective is flattened into it."""
    return part[1] if part[0] is connective else [_joined(*part)]


def _joined(connective: Connective | None, parts: list[Predicate]) -> Predicate:
    if connective is None:
        return parts[0]
    if len(parts) == 2:
        left, right = parts
        if connective is Connective.AND:
            return lambda operands: left(operands) and right(operands)
        return lambda operands: left(operands) or right(operands)
    chain = tuple(parts)
    if connective is Connective.AND:

        def all_hold(operands: Operands) -> bool:
            for each in chain:  # noqa: SIM110 - a generator costs more than the expression
                if not each(operands):
                    return False
            return True

        return all_hold

    def any_holds(operands: Operands) -> bool:
        for each in chain:  # noqa: SIM110 - a generator costs more than the expression
            if each(operands):
                return True
        return False

    return any_holds


def _negation(part: Predicate) -> Predicate:
    return lambda operands: not part(operands)


def _compare_names(policy: Policy, term: CompareNames) -> Predicate:
    place = _ID_PLACES[term.left]
    count = len((policy.users, policy.roles, policy.types)[place % 3])
    # A string of digits answers membership faster than shifting an integer of thousands of bits.
    digits = f"{term.ids:0{count}b}"[::-1]
    sought = "1" if term.comparison is Comparison.EQUAL else "0"
    return lambda operands: digits[operands[0][place]] == sought


def _compare_attributes(policy: Policy, term: CompareAttributes) -> Predicate:
    if term.left in _LEVEL_PLACES:
        return _compare_levels(_LEVEL_PLACES[term.left], term.comparison, _LEVEL_PLACES[term.right])
    left, right = _ID_PLACES[term.left], _ID_PLACES[term.right]
    if term.comparison is Comparison.NOT_EQUAL:
        return lambda operands: operands[0][left] != operands[0][right]
    if term.comparison is Comparison.EQUAL:
        return lambda operands: operands[0][left] == operands[0][right]
    dominated = [role.dominates for role in policy.roles]
    if term.comparison is Comparison.INCOMPARABLE:
        return lambda operands: (
            not (
                dominated[operands[0][left]] >> operands[0][right] & 1
                or dominated[operands[0][right]] >> operands[0][left] & 1
            )
        )
    if term.comparison is Comparison.DOMINATED_BY:
        left, right = right, left
    return lambda operands: bool(dominated[operands[0][left]] >> operands[0][right] & 1)


def _compare_levels(left: int, comparison: Comparison, right: int) -> Predicate:
    if comparison is Comparison.EQUAL:
        return lambda operands: operands[1][left] == operands[1][right]
    if comparison is Comparison.NOT_EQUAL:
        return lambda operands: operands[1][left] != operands[1][right]
    if comparison is Comparison.INCOMPARABLE:
        return lambda operands: operands[1][left].incomparable(operands[1][right])
    if comparison is Comparison.DOMINATED_BY:
        left, right = right, left
    return lambda operands: operands[1][left].dominates(operands[1][right])
