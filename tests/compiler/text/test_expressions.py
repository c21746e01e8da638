"""Expressions in prefix and in infix notation."""

from selbox.compiler.text.cilsyntax import CIL
from selbox.compiler.text.expressions import expression_text
from selbox.compiler.text.languagesyntax import LANGUAGE
from selbox.model.conditional import BooleanOperator


def test_both_notations() -> None:
    terms = [0, 1, BooleanOperator.NOT, BooleanOperator.AND, 2, BooleanOperator.XOR, BooleanOperator.NOT]
    assert expression_text(terms, CIL.condition_operators, str) == "(not (xor (and 0 (not 1)) 2))"
    assert expression_text(terms, LANGUAGE.condition_operators, str) == "! ((0 && ! 1) ^ 2)"


def test_a_deep_expression_takes_no_recursion() -> None:
    depth = 20_000
    terms: list[int | BooleanOperator] = [0]
    for _ in range(depth):
        terms += [0, BooleanOperator.OR]
    text = expression_text(terms, CIL.condition_operators, str)
    assert text == "(or " * depth + "0" + " 0)" * depth
