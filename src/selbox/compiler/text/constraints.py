"""Constraints as text."""

from collections.abc import Sequence

from selbox.compiler.text.expressions import expression_text
from selbox.compiler.text.symbols import Named, permission_names
from selbox.compiler.text.syntax import Syntax
from selbox.model.bitset import members
from selbox.model.constraint import (
    CompareAttributes,
    CompareNames,
    Constraint,
    ConstraintTerm,
    NamesForm,
    ValidateTransition,
)
from selbox.model.policy import Policy
from selbox.typing import NamedTuple


class ConstraintLines(NamedTuple):
    """Sorted lines of constraints, then of ``validatetrans`` statements: those about levels, and the others.

    Attributes:
        mls: lines with the keywords for levels.
        plain: lines with the others.
    """

    mls: list[str]
    plain: list[str]


def constraint_lines(policy: Policy, syntax: Syntax) -> ConstraintLines:
    """Return the constraints of a policy; one without permissions limits nothing and is left out."""
    constraints = [
        each for each in policy.constraints if permission_names(policy.classes[each.object_class], each.permissions)
    ]
    result = ConstraintLines([], [])
    expressions: dict[int, str] = {}
    for rules in (constraints, policy.validate_transitions):
        lines: tuple[list[str], list[str]] = [], []
        for rule in rules:
            is_mls = rule.is_mls and not (syntax.users_follow_levels and names_users(rule))
            lines[is_mls].append(constraint_line(policy, syntax, rule, is_mls, expressions))
        result.plain.extend(sorted(lines[False]))
        result.mls.extend(sorted(lines[True]))
    return result


def constraint_line(
    policy: Policy,
    syntax: Syntax,
    rule: Constraint | ValidateTransition,
    is_mls: bool,
    expressions: dict[int, str] | None = None,
) -> str:
    """Return the line of a constraint.

    Args:
        policy: whose constraint it is.
        syntax: of the language.
        rule: the constraint.
        is_mls: whether it takes the keyword for levels.
        expressions: keeps the texts of expressions, by their identity: constraints of many classes share one.
    """
    prefix = "mls" if is_mls else ""
    object_class = policy.classes[rule.object_class]
    known = {} if expressions is None else expressions
    expression = known.get(id(rule.expression))
    if expression is None:
        expression = known[id(rule.expression)] = _expression(policy, syntax, rule.expression)
    if isinstance(rule, Constraint):
        return syntax.constrain.format(
            keyword=f"{prefix}constrain",
            object_class=object_class.name,
            permissions=" ".join(permission_names(object_class, rule.permissions)),
            expression=expression,
        )
    return syntax.validate_transition.format(
        keyword=f"{prefix}validatetrans", object_class=object_class.name, expression=expression
    )


def names_users(rule: Constraint | ValidateTransition) -> bool:
    """Tell whether a constraint compares with named users."""
    return any(isinstance(term, CompareNames) and term.left.value[0] == "u" for term in rule.expression)


def _expression(policy: Policy, syntax: Syntax, terms: tuple[ConstraintTerm, ...]) -> str:
    def operand(term: ConstraintTerm) -> str:
        if isinstance(term, CompareAttributes):
            return syntax.compare_attributes(term)
        assert isinstance(term, CompareNames)  # noqa: S101 - the third kind of term is an operator
        return syntax.compare_names(policy, term)

    return expression_text(terms, syntax.constraint_operators, operand)


def compared_names(policy: Policy, term: CompareNames) -> list[str]:
    """Return the sorted names that a comparison is written with: as the policy wrote them where it named them plainly.

    Neither language takes operators over names here, so that what was written with one is written out.
    """
    if term.names and term.form is NamesForm.PLAIN and not term.excluded:
        return sorted(set(term.names))
    part = term.left.value[0]
    symbols: Sequence[Named] = policy.types if part == "t" else policy.roles if part == "r" else policy.users
    return sorted(symbols[each].name for each in members(term.ids))
