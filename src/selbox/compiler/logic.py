"""Reads the boolean expressions of ``booleanif`` and ``tunableif`` into postfix order."""

from collections.abc import Iterable

from selbox.compiler.errors import StatementError
from selbox.compiler.namespace import Place
from selbox.language.cil import Form
from selbox.model.conditional import BooleanOperator as LogicOperator
from selbox.typing import Final

OPERATORS: Final = {operator.value: operator for operator in LogicOperator}

LogicTerm = tuple[int, ...] | LogicOperator
"""Where a name stands, as indices from the statement, or an operator over what precedes it."""


def read_logic(form: Form, index: int, place: Place) -> list[LogicTerm]:
    """Return an expression in postfix order.

    Args:
        form: the statement.
        index: where in it the expression stands.
        place: where the statement stands.

    Raises:
        StatementError: it is no expression.
    """
    terms: list[LogicTerm] = []
    _read(form[index], form, (index,), place, terms)
    return terms


def _read(item: "Form | str", form: Form, path: tuple[int, ...], place: Place, terms: list[LogicTerm]) -> None:
    if isinstance(item, str):
        if item in OPERATORS:
            raise StatementError("cil-syntax", f"`{item}` needs operands: `({item} A B)`", place, form, path)
        terms.append(path)
        return
    operator = OPERATORS.get(item.keyword)
    if operator is None:
        if len(item) == 1:
            _read(item[0], form, (*path, 0), place, terms)
            return
        raise StatementError(
            "cil-syntax",
            "expected a name or an expression such as `(and A B)`",
            place,
            form,
            path,
            "the operators are and, or, xor, eq, neq, not",
        )
    wanted = 1 if operator is LogicOperator.NOT else 2
    if len(item) != wanted + 1:
        raise StatementError("cil-syntax", f"`{operator.value}` takes {wanted} operands", place, form, path)
    for index in range(1, wanted + 1):
        _read(item[index], form, (*path, index), place, terms)
    terms.append(operator)


def stack_depth(arities: Iterable[int]) -> int:
    """Return how many values the evaluation of a postfix expression keeps at most.

    Args:
        arities: how many operands each term takes, 0 for a value.
    """
    depth = deepest = 0
    for arity in arities:
        depth += 1 - arity
        deepest = max(deepest, depth)
    return deepest


__all__ = ["LogicOperator", "LogicTerm", "read_logic", "stack_depth"]
