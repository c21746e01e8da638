"""Conditional policy as text: which conditions there are, in which order, with which rules."""

from collections.abc import Iterator, Mapping

from selbox.compiler.text.expressions import expression_text
from selbox.compiler.text.syntax import Syntax
from selbox.model.conditional import BooleanOperator
from selbox.model.policy import Policy
from selbox.typing import NamedTuple


class ConditionText(NamedTuple):
    """A condition and the lines of the rules of its branches, empty where a branch has none."""

    expression: str
    when_true: str
    when_false: str


def condition_texts(policy: Policy, syntax: Syntax, rules: Mapping[int, str]) -> Iterator[ConditionText]:
    """Iterate over the conditions in the order of their expressions' texts.

    Args:
        policy: whose conditions they are.
        syntax: of the language.
        rules: lines by condition, from :func:`selbox.compiler.text.rules.RuleTexts`.
    """

    def operand(term: int | BooleanOperator) -> str:
        assert isinstance(term, int)  # noqa: S101 - operators have a notation
        return policy.booleans[term].name

    texts = [
        ConditionText(
            expression_text(each.expression, syntax.condition_operators, operand),
            rules.get(2 * index + 1, ""),
            rules.get(2 * index + 2, ""),
        )
        for index, each in enumerate(policy.conditionals)
    ]
    yield from sorted(texts, key=lambda text: text.expression)
