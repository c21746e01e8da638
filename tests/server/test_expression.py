"""Expressions against a stack machine, which is how the kernel evaluates them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.policies import ANIMAL_ROLE, CAT, DOG, OBJECT_ROLE, VET_ROLE, between, level, make_policy

from selbox.model.constraint import (
    CompareAttributes,
    CompareNames,
    Comparison,
    Connective,
    ConstraintTerm,
    Operand,
)
from selbox.model.context import Context
from selbox.model.mls import Level, LevelRange
from selbox.server.expression import Operands, compile_expression, compile_terms, term_truths
from selbox.server.reasontext import expression_text

POLICY = make_policy()
LEVELS = st.builds(Level, st.integers(0, 1), st.integers(0, 7))
CONTEXTS = st.builds(
    Context, st.integers(0, 1), st.integers(0, 2), st.integers(0, 7), st.builds(LevelRange, LEVELS, LEVELS)
)
SAME_KIND = [
    *(
        (left, right)
        for kind in ("u", "r", "t")
        for left in (f"{kind}1", f"{kind}2")
        for right in (f"{kind}1", f"{kind}2")
    ),
    *((left, right) for left in ("l1", "h1", "l2", "h2") for right in ("l1", "h1", "l2", "h2")),
]


@st.composite
def attribute_terms(draw: st.DrawFn) -> ConstraintTerm:
    left, right = draw(st.sampled_from(SAME_KIND))
    comparisons = [Comparison.EQUAL, Comparison.NOT_EQUAL] if left[0] in "ut" else list(Comparison)
    return CompareAttributes(Operand(left), draw(st.sampled_from(comparisons)), Operand(right))


@st.composite
def name_terms(draw: st.DrawFn) -> ConstraintTerm:
    left = draw(st.sampled_from(["u1", "u2", "r1", "r2", "t1", "t2", "u3", "r3", "t3"]))
    comparison = draw(st.sampled_from([Comparison.EQUAL, Comparison.NOT_EQUAL]))
    return CompareNames(Operand(left), comparison, draw(st.integers(0, 255)), ())


TERMS = st.one_of(attribute_terms(), name_terms())
EXPRESSIONS = st.recursive(
    TERMS.map(lambda term: (term,)),
    lambda inner: st.one_of(
        inner.map(lambda part: (*part, Connective.NOT)),
        st.tuples(inner, inner, st.sampled_from([Connective.AND, Connective.OR])).map(
            lambda parts: (*parts[0], *parts[1], parts[2])
        ),
    ),
)


def part(contexts: tuple[Context, Context, Context], operand: Operand) -> int | Level:
    context = contexts[int(operand.value[1]) - 1]
    levels = {"l": context.range.low, "h": context.range.high}
    return levels.get(operand.value[0]) or {"u": context.user, "r": context.role, "t": context.type}[operand.value[0]]


def compare(left: int | Level, comparison: Comparison, right: int | Level) -> bool:
    if comparison is Comparison.EQUAL:
        return left == right
    if comparison is Comparison.NOT_EQUAL:
        return left != right
    if not isinstance(left, Level) or not isinstance(right, Level):
        dominates = left == right != OBJECT_ROLE  # a role dominates itself alone, and object_r nothing
        return dominates != (comparison is Comparison.INCOMPARABLE)
    return {
        Comparison.DOMINATES: left.dominates(right),
        Comparison.DOMINATED_BY: right.dominates(left),
        Comparison.INCOMPARABLE: left.incomparable(right),
    }[comparison]


def evaluate(expression: tuple[ConstraintTerm, ...], contexts: tuple[Context, Context, Context]) -> bool:
    stack: list[bool] = []
    for term in expression:
        if isinstance(term, CompareAttributes):
            stack.append(compare(part(contexts, term.left), term.comparison, part(contexts, term.right)))
        elif isinstance(term, CompareNames):
            value = part(contexts, term.left)
            assert isinstance(value, int)
            stack.append(bool(term.ids >> value & 1) == (term.comparison is Comparison.EQUAL))
        elif term is Connective.NOT:
            stack.append(not stack.pop())
        else:
            right, left = stack.pop(), stack.pop()
            stack.append(left and right if term is Connective.AND else left or right)
    (result,) = stack
    return result


@given(EXPRESSIONS, st.tuples(CONTEXTS, CONTEXTS, CONTEXTS))
def test_a_compiled_expression_is_what_the_stack_machine_says(
    expression: tuple[ConstraintTerm, ...], contexts: tuple[Context, Context, Context]
) -> None:
    operands = Operands.of(*contexts)
    expected = evaluate(expression, contexts)
    assert compile_expression(POLICY, expression)(operands) == expected
    truths = term_truths(compile_terms(POLICY, expression), operands)
    assert truths[-1] == expected
    # what stands before a term in postfix order, as far as the term reaches, is an expression of its own
    for last, truth in enumerate(truths):
        assert truth == evaluate(part_ending_at(expression, last), contexts)


def part_ending_at(expression: tuple[ConstraintTerm, ...], last: int) -> tuple[ConstraintTerm, ...]:
    first, missing = last + 1, 1
    while missing:
        first -= 1
        term = expression[first]
        if not isinstance(term, Connective):
            missing -= 1
        elif term is not Connective.NOT:
            missing += 1
    return expression[first : last + 1]


HIGH, LOW = level(1, 1, 2), level(0, 1)
FIRST = Context(0, ANIMAL_ROLE, DOG, between(LOW, HIGH))
SECOND = Context(1, OBJECT_ROLE, CAT, between(level(0, 3)))


@pytest.mark.parametrize(
    ("left", "comparison", "right", "expected"),
    [
        ("h1", "dom", "l1", True),
        ("l1", "dom", "h1", False),
        ("l1", "domby", "h1", True),
        ("h1", "dom", "l2", False),
        ("h1", "incomp", "l2", True),
        ("l2", "eq", "h2", True),
        ("l1", "neq", "h1", True),
        ("u1", "eq", "u2", False),
        ("t1", "neq", "t2", True),
        ("r1", "dom", "r1", True),
        ("r1", "dom", "r2", False),
        ("r1", "domby", "r2", False),
        ("r1", "incomp", "r2", True),
        ("r1", "incomp", "r1", False),
        ("r2", "dom", "r2", False),
        ("r2", "incomp", "r2", True),
    ],
)
def test_comparisons_worked_by_hand(left: str, comparison: str, right: str, expected: bool) -> None:
    term = CompareAttributes(Operand(left), Comparison(comparison), Operand(right))
    assert compile_expression(POLICY, [term])(Operands.of(FIRST, SECOND)) is expected


def test_names_of_the_third_context_are_looked_up_there() -> None:
    term = CompareNames(Operand.ROLE_3, Comparison.EQUAL, 1 << VET_ROLE, ("vet_r",))
    task = Context(0, VET_ROLE, DOG)
    assert compile_expression(POLICY, [term])(Operands.of(FIRST, SECOND, task))
    assert not compile_expression(POLICY, [term])(Operands.of(FIRST, SECOND, FIRST))


@pytest.mark.parametrize("is_negated", [False, True])
def test_a_file_may_hold_an_expression_of_any_depth(is_negated: bool) -> None:
    """The stack that kernels evaluate it on stays small."""
    same, other = (
        CompareAttributes(Operand.USER_1, comparison, Operand.USER_1)
        for comparison in (Comparison.EQUAL, Comparison.NOT_EQUAL)
    )
    expression: tuple[ConstraintTerm, ...] = (same, *(other, Connective.OR, same, Connective.AND) * 2_500)
    if is_negated:
        expression += (Connective.NOT,) * 5_001
    context = Context(0, 0, 0)
    assert compile_expression(POLICY, (same, *(other, Connective.OR) * 5000))(Operands.of(context, context))
    assert compile_expression(POLICY, expression)(Operands.of(context, context)) != is_negated
    text = expression_text(POLICY, expression)
    assert text.count("(") == text.count(")") == len(expression)
    assert text.endswith("(neq u1 u1)) (eq u1 u1))" + ")" * 5_001 * is_negated)
