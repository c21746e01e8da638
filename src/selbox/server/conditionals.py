"""Which rules of the conditional policy hold under given values of the booleans."""

from collections.abc import Callable, Sequence
from operator import and_, eq, ne, or_, xor

from selbox.model.conditional import BooleanOperator, Conditional
from selbox.model.policy import Policy

_BINARY: dict[BooleanOperator, Callable[[bool, bool], bool]] = {
    BooleanOperator.AND: and_,
    BooleanOperator.OR: or_,
    BooleanOperator.XOR: xor,
    BooleanOperator.EQUAL: eq,
    BooleanOperator.NOT_EQUAL: ne,
}


def evaluate_conditional(conditional: Conditional, values: Sequence[bool]) -> bool:
    """Evaluate an expression in postfix order.

    Args:
        conditional: the expression.
        values: the value of each boolean, by id.

    Source: the kernel's ``cond_evaluate_expr``.
    """
    stack: list[bool] = []
    for term in conditional.expression:
        if isinstance(term, int):
            stack.append(values[term])
        elif term is BooleanOperator.NOT:
            stack[-1] = not stack[-1]
        else:
            right = stack.pop()
            stack[-1] = _BINARY[term](stack[-1], right)
    return stack[-1]


def active_conditions(policy: Policy, values: Sequence[bool]) -> tuple[bool, ...]:
    """Tell for each value of the rules' ``condition`` column whether such rules hold.

    Returns:
        Entry 0, the unconditional rules, is true; entries ``2 * index + 1`` and ``2 * index + 2`` are the true and
        the false branch of ``policy.conditionals[index]``.
    """
    result = [True]
    for each in policy.conditionals:
        holds = evaluate_conditional(each, values)
        result += (holds, not holds)
    return tuple(result)
