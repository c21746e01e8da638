from tests.explain.policies import make_policy

from selbox.explain.answer import TermLine
from selbox.explain.terms import term_lines
from selbox.model.constraint import CompareAttributes, Comparison, Connective, Operand
from selbox.model.context_text import parse_context
from selbox.server.expression import Operands, compile_terms, term_truths

POLICY = make_policy()
SOURCE = parse_context(POLICY, "web_u:web_r:web_t:s0")
TARGET = parse_context(POLICY, "web_u:object_r:page_t:s1")
USERS = CompareAttributes(Operand.USER_1, Comparison.EQUAL, Operand.USER_2)
ROLES = CompareAttributes(Operand.ROLE_1, Comparison.EQUAL, Operand.ROLE_2)
TYPES = CompareAttributes(Operand.TYPE_1, Comparison.NOT_EQUAL, Operand.TYPE_2)
AND, OR, NOT = Connective.AND, Connective.OR, Connective.NOT


def lines(*expression: CompareAttributes | Connective) -> tuple[TermLine, ...]:
    truths = term_truths(compile_terms(POLICY, expression), Operands.of(SOURCE, TARGET))
    return term_lines(POLICY, expression, truths, SOURCE, TARGET)


def test_chains_of_one_connective_are_one_list() -> None:
    expected = (
        TermLine(0, "and", "", False),
        TermLine(1, "u1 eq u2", "web_u eq web_u", True),
        TermLine(1, "r1 eq r2", "web_r eq object_r", False),
        TermLine(1, "t1 neq t2", "web_t neq page_t", True),
    )
    assert lines(USERS, ROLES, AND, TYPES, AND) == expected
    assert lines(USERS, ROLES, TYPES, AND, AND) == expected


def test_other_connectives_and_negations_stand_apart() -> None:
    assert [(each.depth, each.term, each.holds) for each in lines(USERS, ROLES, OR, TYPES, NOT, NOT, AND)] == [
        (0, "and", True),
        (1, "or", True),
        (2, "u1 eq u2", True),
        (2, "r1 eq r2", False),
        (1, "not", True),
        (2, "not", False),
        (3, "t1 neq t2", True),
    ]


def test_a_long_chain_takes_time_in_proportion() -> None:
    found = lines(USERS, *(each for _ in range(50_000) for each in (USERS, AND)))
    assert len(found) == 50_002
