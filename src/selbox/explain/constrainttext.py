"""A constraint as the policy language writes it, with a mark on each comparison that failed."""

from collections.abc import Sequence

from selbox.compiler.text.constraints import constraint_line
from selbox.compiler.text.languagesyntax import LANGUAGE
from selbox.model.constraint import CompareAttributes, CompareNames, Connective, Constraint
from selbox.model.policy import Policy


def judged_constraint(policy: Policy, constraint: Constraint, truths: Sequence[bool]) -> str:
    """Return a constraint's line, in which ``-Fail-`` follows each comparison that does not hold.

    Blanks stand where libsepol writes them; the parentheses that it leaves out stand too.

    Args:
        policy: whose constraint it is.
        constraint: the constraint.
        truths: what each term of its expression came to.

    Source: the marks are those of libsepol's ``constraint_expr_eval_reason``.
    """
    terms = zip(constraint.expression, truths, strict=True)
    operands = iter([holds for term, holds in terms if not isinstance(term, Connective)])

    # INVARIANT: comparisons are asked for in the order of the expression.
    def attributes(term: CompareAttributes) -> str:
        return _marked(LANGUAGE.compare_attributes(term), next(operands))

    def names(owner: Policy, term: CompareNames) -> str:
        return _marked(LANGUAGE.compare_names(owner, term), next(operands))

    syntax = LANGUAGE._replace(compare_attributes=attributes, compare_names=names)
    return constraint_line(policy, syntax, constraint, constraint.is_mls)


def _marked(comparison: str, holds: bool) -> str:
    return f"({comparison}{'' if holds else ' -Fail-'}) "
