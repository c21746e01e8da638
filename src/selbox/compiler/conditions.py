"""The conditions of a policy: one for all ``booleanif`` statements whose expressions say the same.

Source: ``cond_normalize_expr`` and ``cond_expr_equal`` of libsepol. That comparison goes wrong where two expressions
name the same booleans in different orders (``(and a (not b))`` and ``(and b (not a))`` become one); this one does not.
"""

from selbox.model.conditional import BooleanOperator, Conditional
from selbox.typing import Final, NamedTuple

_COMPARED_BY_VALUE: Final = 5
"""Expressions over at most so many booleans are compared by their values, others term by term."""

_Key = tuple[tuple[int | BooleanOperator, ...], int]


class Conditions(NamedTuple):
    """Conditions with what leads to them.

    Attributes:
        conditionals: as the policy holds them.
        numbers: by the number of a conditional branch (see :class:`selbox.compiler.namespace.Place`) the value of the
            ``condition`` column of rules in it.
    """

    conditionals: tuple[Conditional, ...]
    numbers: dict[int, int]


def unite(conditionals: dict[int, Conditional], orders: list[tuple[int, ...]]) -> Conditions:
    """Return one condition for all expressions that say the same.

    Args:
        conditionals: expressions by the number of their ``booleanif``.
        orders: by that number, where the statement is met.
    """
    final: dict[_Key, int] = {}
    kept: list[Conditional] = []
    numbers = {0: 0}
    for old in sorted(conditionals, key=orders.__getitem__):
        conditional, swapped = _without_outer_not(conditionals[old])
        index = final.setdefault(_key(conditional), len(final))
        if index == len(kept):
            kept.append(conditional)
        when_true, when_false = 2 * index + 1, 2 * index + 2
        numbers[2 * old + 1] = when_false if swapped else when_true
        numbers[2 * old + 2] = when_true if swapped else when_false
    return Conditions(tuple(kept), numbers)


def _without_outer_not(conditional: Conditional) -> tuple[Conditional, bool]:
    """Return an expression without the outermost ``not``, and whether its branches thus change places."""
    terms = conditional.expression
    is_negated = terms[-1] is BooleanOperator.NOT
    return (Conditional(terms[:-1]) if is_negated else conditional), is_negated


def _key(conditional: Conditional) -> _Key:
    names = tuple(sorted({term for term in conditional.expression if isinstance(term, int)}))
    if len(names) > _COMPARED_BY_VALUE:
        return conditional.expression, -1
    # A column of values for each boolean, all rows of the truth table side by side in one integer.
    rows = 1 << len(names)
    columns = {name: sum(1 << row for row in range(rows) if row >> position & 1) for position, name in enumerate(names)}
    return names, _values(conditional, columns, (1 << rows) - 1)


def _values(conditional: Conditional, columns: dict[int, int], every: int) -> int:
    stack: list[int] = []
    for term in conditional.expression:
        if isinstance(term, int):
            stack.append(columns[term])
            continue
        last = stack.pop()
        if term is BooleanOperator.NOT:
            stack.append(every & ~last)
        elif term is BooleanOperator.AND:
            stack.append(stack.pop() & last)
        elif term is BooleanOperator.OR:
            stack.append(stack.pop() | last)
        elif term is BooleanOperator.EQUAL:
            stack.append(every & ~(stack.pop() ^ last))
        else:
            stack.append(stack.pop() ^ last)
    return stack[-1]
