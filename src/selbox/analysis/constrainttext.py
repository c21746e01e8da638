"""Constraints as SETools writes them.

Source: what ``seinfo --constrain`` of SETools 4.4 prints.
"""

from selbox.analysis.infix import infix_text
from selbox.model.bitset import members
from selbox.model.constraint import (
    CompareAttributes,
    CompareNames,
    Comparison,
    Connective,
    Constraint,
    Operand,
    ValidateTransition,
)
from selbox.model.policy import Policy
from selbox.typing import Final

_SIGNS: Final = {Comparison.EQUAL: "==", Comparison.NOT_EQUAL: "!="}
_RANKS: Final = {"not": 4, "and": 2, "or": 1, "==": 3, "!=": 3, "dom": 3, "domby": 3, "incomp": 3}
_HIGHEST_RANK: Final = 4
_LEVELS: Final = frozenset({Operand.LOW_1, Operand.LOW_2, Operand.HIGH_1, Operand.HIGH_2})
_USERS: Final = frozenset({Operand.USER_1, Operand.USER_2, Operand.USER_3})
_ROLES: Final = frozenset({Operand.ROLE_1, Operand.ROLE_2, Operand.ROLE_3})


def is_about_levels(constraint: Constraint | ValidateTransition) -> bool:
    """Tell whether a constraint looks at levels; a binary policy does not tell otherwise how it was written."""
    return any(isinstance(term, CompareAttributes) and term.left in _LEVELS for term in constraint.expression)


def constraint_keyword(constraint: Constraint | ValidateTransition) -> str:
    """Return the keyword of a constraint."""
    keyword = "constrain" if isinstance(constraint, Constraint) else "validatetrans"
    return f"mls{keyword}" if is_about_levels(constraint) else keyword


def constraint_text(policy: Policy, constraint: Constraint | ValidateTransition) -> str:
    """Return a constraint; one of permissions ends in a blank."""
    object_class = policy.classes[constraint.object_class]
    start = f"{constraint_keyword(constraint)} {object_class.name}"
    expression = _expression(policy, constraint)
    if isinstance(constraint, ValidateTransition):
        return f"{start} ({expression});"
    return f"{start} {names_text(object_class.names(constraint.permissions))} ({expression}); "


def names_text(names: "tuple[str, ...] | list[str]") -> str:
    """Return names, sorted, in braces unless there is one."""
    return names[0] if len(names) == 1 else f"{{ {' '.join(sorted(names))} }}"


def _expression(policy: Policy, constraint: Constraint | ValidateTransition) -> str:
    words: list[str] = []
    operators: list[bool] = []
    for term in constraint.expression:
        if isinstance(term, Connective):
            words.append(term.value)
            operators.append(True)
            continue
        right = term.right.value if isinstance(term, CompareAttributes) else _names(policy, term)
        words += [term.left.value, right, _SIGNS.get(term.comparison, term.comparison.value)]
        operators += [False, False, True]
    return infix_text(words, operators, _RANKS, highest=_HIGHEST_RANK, negation="not", last_first=False)


def _names(policy: Policy, term: CompareNames) -> str:
    if term.left in _USERS:
        names = [policy.users[each].name for each in members(term.ids)]
    elif term.left in _ROLES:
        names = [policy.roles[each].name for each in members(term.ids)]
    elif term.names:
        ids = dict.fromkeys(policy.type_ids[each] for each in term.names if each in policy.type_ids)
        names = [policy.types[each].name for each in ids]
    else:
        names = [policy.types[each].name for each in members(term.ids)]
    return f"{names_text(names)} " if len(names) > 1 else "".join(names)
