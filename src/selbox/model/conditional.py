"""Conditional policy: expressions over booleans that switch rules on and off."""

from enum import Enum

from selbox.typing import NamedTuple


class BooleanOperator(Enum):
    """Operators of conditional expressions, in postfix order after their operands."""

    NOT = "not"
    OR = "or"
    AND = "and"
    XOR = "xor"
    EQUAL = "eq"
    NOT_EQUAL = "neq"


class Conditional(NamedTuple):
    """An expression; the rules of its branches name it in their ``condition`` column.

    Attributes:
        expression: boolean ids and operators in postfix order.
    """

    expression: tuple[int | BooleanOperator, ...]
