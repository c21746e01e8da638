"""Reasons for denials in words: the rule that is missing, or the constraint that forbids, as policy writes it."""

from collections.abc import Iterable, Sequence
from itertools import islice

from selbox.model.bitset import members
from selbox.model.constraint import CompareAttributes, CompareNames, Connective, Constraint, ConstraintTerm, NamesForm
from selbox.model.policy import Policy
from selbox.model.symbols import Role, Type, User
from selbox.server.explanation import DenialKind, DenialReason, Explanation, SwitchedOff, switched_off
from selbox.server.securityserver import SecurityServer

_MOST_NAMES = 8
"""Names of a set that are shown."""


def denial_texts(
    server: SecurityServer, source: int, target: int, object_class: int, permissions: int, number: int | None = None
) -> tuple[str, ...]:
    """Return one line for each reason why permissions are denied; none when all are granted.

    Args:
        server: decides, and knows why.
        source: SID of the subject.
        target: SID of the object.
        object_class: class id.
        permissions: access vector.
        number: the extended permission that is asked for, where one is.

    Raises:
        SelboxError: code ``unknown-sid``.
    """
    explanation = server.explain(source, target, object_class, permissions, number)
    lines = [reason_text(server, explanation, each) for each in explanation.reasons]
    lines += [
        f"{_booleans(server.policy, each)} off: {_allow(server, explanation, each.permissions)}"
        for each in switched_off(server.policy, explanation, explanation.unruled)
    ]
    return tuple(lines)


def reason_text(server: SecurityServer, explanation: Explanation, reason: DenialReason) -> str:
    """Return one reason of an explanation in a line."""
    policy = server.policy
    match reason.kind:
        case DenialKind.NO_RULE:
            return f"no rule {_allow(server, explanation, reason.permissions)}"
        case DenialKind.CONSTRAINT if reason.constraint is not None:
            vector = _class_permissions(server, explanation, reason.permissions)
            return _constraint_text(policy, policy.constraints[reason.constraint], vector)
        case DenialKind.ROLE:
            return (
                f"no rule (roleallow {policy.roles[explanation.source.role].name} "
                f"{policy.roles[explanation.target.role].name})"
            )
        case DenialKind.EXTENDED if explanation.number is not None:
            return f"extended rules are about this access, and none allows {explanation.number:#06x}"
        case DenialKind.BOUNDS if reason.bounds is not None:
            rule = _allow(server, explanation, reason.permissions)
            return f"{policy.types[reason.bounds].name}, which bounds it, lacks {rule}"
        case _:
            vector = _class_permissions(server, explanation, reason.permissions)
            return f"the policy does not define all of {vector}"


def _class_permissions(server: SecurityServer, explanation: Explanation, permissions: int) -> str:
    object_class = explanation.object_class
    names = server.permission_names(object_class, permissions)
    return f"({server.class_name(object_class)} ({' '.join(names)}))"


def _allow(server: SecurityServer, explanation: Explanation, permissions: int) -> str:
    source, target = (server.policy.types[each.type].name for each in (explanation.source, explanation.target))
    return f"(allow {source} {target} {_class_permissions(server, explanation, permissions)})"


def _booleans(policy: Policy, rules: SwitchedOff) -> str:
    """Name the booleans that switch rules off; ``condition`` is numbered as in :class:`selbox.model.rules.Rule`."""
    expression = policy.conditionals[(rules.condition - 1) // 2].expression
    names = dict.fromkeys(policy.booleans[term].name for term in expression if isinstance(term, int))
    return f"boolean{'s' if len(names) > 1 else ''} {', '.join(names)} switch{'' if len(names) > 1 else 'es'}"


def _constraint_text(policy: Policy, constraint: Constraint, vector: str) -> str:
    keyword = "mlsconstrain" if constraint.is_mls else "constrain"
    origin = policy.origin(constraint.origin)
    place = f" at {origin.place}" if origin else ""
    return f"({keyword} {vector} {expression_text(policy, constraint.expression)}){place}"


def expression_text(policy: Policy, expression: Iterable[ConstraintTerm]) -> str:
    """Return a constraint's expression as CIL writes it.

    Args:
        policy: whose constraint it is.
        expression: terms in postfix order.
    """
    # What is opened before and closed after each comparison: the time taken depends on the length alone.
    comparisons: list[str] = []
    before: list[list[str]] = []
    after: list[int] = []
    starts: list[int] = []
    for term in expression:
        if isinstance(term, Connective):
            if term is not Connective.NOT:
                before[starts.pop()].append(" ")
            before[starts[-1]].append(f"({term.value} ")
            after[-1] += 1
        else:
            starts.append(len(comparisons))
            comparisons.append(_comparison_text(policy, term))
            before.append([])
            after.append(0)
    parts = zip(before, comparisons, after, strict=True)
    return "".join(f"{''.join(reversed(opening))}{text}{')' * closing}" for opening, text, closing in parts)


def _comparison_text(policy: Policy, term: CompareAttributes | CompareNames) -> str:
    right = term.right.value if isinstance(term, CompareAttributes) else compared_names_text(policy, term)
    return f"({term.comparison.value} {term.left.value} {right})"


def compared_names_text(policy: Policy, term: CompareNames) -> str:
    """Return the names that a comparison names: as the policy wrote them where that is known.

    Of many the first few are named, for there may be thousands.
    """
    names: Sequence[str] = [*term.names, *(f"-{each}" for each in term.excluded)]
    if not names and term.form is NamesForm.PLAIN:
        part = term.left.value[0]
        symbols: Sequence[Type | Role | User] = policy.types
        if part != "t":
            symbols = policy.roles if part == "r" else policy.users
        names = [symbols[each].name for each in islice(members(term.ids), _MOST_NAMES)]
        more = term.ids.bit_count() - len(names)
    else:
        more = max(0, len(names) - _MOST_NAMES)
    shown = [*names[:_MOST_NAMES], *((f"and {more} more",) if more else ())]
    operator = "" if term.form is NamesForm.PLAIN else term.form.value
    if len(shown) == 1:
        return f"{operator}{shown[0]}"
    return f"{operator}({' '.join(shown)})" if shown or not operator else operator
