"""Postfix expressions of the policy as text: constraints and conditions, in CIL's prefix or in infix notation."""

from collections.abc import Callable, Iterable, Mapping

from selbox.typing import NamedTuple, TypeVar

_Term = TypeVar("_Term")


class Notation(NamedTuple):
    """The text around and between the operands of an operator; ``between`` is None when it takes but one."""

    before: str
    between: str | None
    after: str


_Node = str | tuple["_Node", ...]


def expression_text(
    terms: Iterable[_Term], operators: Mapping[object, Notation], operand_text: Callable[[_Term], str]
) -> str:
    """Return the text of an expression.

    Time and memory are linear in its length, and nothing recurses, however deep it is nested.

    Args:
        terms: operands and operators in postfix order.
        operators: how each operator is written.
        operand_text: gives the text of a term that is no operator.
    """
    stack: list[_Node] = []
    for term in terms:
        notation = operators.get(term)
        if notation is None:
            stack.append(operand_text(term))
        elif notation.between is None:
            stack.append((notation.before, stack.pop(), notation.after))
        else:
            right = stack.pop()
            stack.append((notation.before, stack.pop(), notation.between, right, notation.after))
    return _flat(stack.pop())


def _flat(node: _Node) -> str:
    pieces: list[str] = []
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            pieces.append(node)
        else:
            waiting.extend(reversed(node))
    return "".join(pieces)
