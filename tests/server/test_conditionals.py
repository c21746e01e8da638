from hypothesis import given
from hypothesis import strategies as st
from tests.server.policies import make_policy

from selbox.model.conditional import BooleanOperator, Conditional
from selbox.server.conditionals import active_conditions, evaluate_conditional

SYMBOLS = {
    BooleanOperator.OR: "|",
    BooleanOperator.AND: "&",
    BooleanOperator.XOR: "^",
    BooleanOperator.EQUAL: "==",
    BooleanOperator.NOT_EQUAL: "!=",
}

Term = int | BooleanOperator
expressions = st.recursive(
    st.integers(0, 3).map(lambda index: ((index,), f"values[{index}]")),
    lambda inner: st.one_of(
        inner.map(lambda part: ((*part[0], BooleanOperator.NOT), f"(not {part[1]})")),
        st.tuples(inner, inner, st.sampled_from(sorted(SYMBOLS, key=str))).map(
            lambda parts: (
                (*parts[0][0], *parts[1][0], parts[2]),
                f"({parts[0][1]} {SYMBOLS[parts[2]]} {parts[1][1]})",
            )
        ),
    ),
)


@given(expressions, st.tuples(*[st.booleans()] * 4))
def test_expressions_mean_what_python_makes_of_them(
    expression: tuple[tuple[Term, ...], str], values: tuple[bool, ...]
) -> None:
    postfix, infix = expression
    assert evaluate_conditional(Conditional(postfix), values) == eval(infix, {"values": values})  # noqa: S307 - infix is made above


def test_one_branch_of_each_conditional_is_active() -> None:
    policy = make_policy()
    assert active_conditions(policy, (False, True)) == (True, False, True)
    assert active_conditions(policy, (True, True)) == (True, True, False)
    assert active_conditions(policy, (False, False)) == (True, True, False)
