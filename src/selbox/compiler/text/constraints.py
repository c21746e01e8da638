"""Constraints as text."""

from collections.abc import Sequence
from typing import NamedTuple

from selbox.compiler.text.expressions import expression_text
from selbox.compiler.text.symbols import Named
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


class ConstraintLines(NamedTuple):
    """Sorted lines of constraints, then of ``validatetrans`` statements: those about levels, and the others."""

    mls: list[str]
    plain: list[str]


def constraint_lines(policy: Policy, syntax: Syntax) -> ConstraintLines:
    """Return the constraints of a policy; one without permissions limits nothing and is left out."""
    result = ConstraintLines([], [])
    for lines in (_constraints(policy, syntax), _validate_transitions(policy, syntax)):
        result.mls.extend(sorted(line for is_mls, line in lines if is_mls))
        result.plain.extend(sorted(line for is_mls, line in lines if not is_mls))
    return result


def _constraints(policy: Policy, syntax: Syntax) -> list[tuple[bool, str]]:
    found = []
    for rule in policy.constraints:
        object_class = policy.classes[rule.object_class]
        if names := object_class.names(rule.permissions):
            is_mls = _stands_with_levels(rule, syntax)
            line = syntax.constrain.format(
                keyword="mlsconstrain" if is_mls else "constrain",
                object_class=object_class.name,
                permissions=" ".join(names),
                expression=_expression(policy, syntax, rule.expression),
            )
            found.append((is_mls, line))
    return found


def _validate_transitions(policy: Policy, syntax: Syntax) -> list[tuple[bool, str]]:
    found = []
    for rule in policy.validate_transitions:
        is_mls = _stands_with_levels(rule, syntax)
        line = syntax.validate_transition.format(
            keyword="mlsvalidatetrans" if is_mls else "validatetrans",
            object_class=policy.classes[rule.object_class].name,
            expression=_expression(policy, syntax, rule.expression),
        )
        found.append((is_mls, line))
    return found


def _stands_with_levels(rule: Constraint | ValidateTransition, syntax: Syntax) -> bool:
    if not rule.is_mls or not syntax.users_follow_levels:
        return rule.is_mls
    return not any(isinstance(term, CompareNames) and term.left.value[0] == "u" for term in rule.expression)


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
