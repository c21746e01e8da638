"""Reasons for denials in words: the rule that is missing, or the constraint that forbids, as policy writes it."""

from collections.abc import Iterable

from selbox.model.constraint import CompareAttributes, CompareNames, Connective, Constraint, ConstraintTerm
from selbox.model.policy import Policy
from selbox.server.explanation import DenialKind, DenialReason
from selbox.server.securityserver import SecurityServer


def denial_texts(
    server: SecurityServer, source: int, target: int, object_class: int, permissions: int
) -> tuple[str, ...]:
    """Return one line for each reason why permissions are denied; none when all are granted.

    Args:
        server: decides, and knows why.
        source: SID of the subject.
        target: SID of the object.
        object_class: class id.
        permissions: access vector.

    Raises:
        SelboxError: code ``unknown-sid``.
    """
    reasons = server.explain_denial(source, target, object_class, permissions)
    return tuple(_text(server, source, target, object_class, each) for each in reasons)


def _text(server: SecurityServer, source: int, target: int, object_class: int, reason: DenialReason) -> str:
    policy = server.policy
    class_name = server.class_name(object_class)
    vector = f"({class_name} ({' '.join(server.permission_names(object_class, reason.permissions))}))"
    source_context, target_context = server.context_of(source), server.context_of(target)
    rule = f"(allow {policy.types[source_context.type].name} {policy.types[target_context.type].name} {vector})"
    match reason.kind:
        case DenialKind.NO_RULE:
            return f"no rule {rule}"
        case DenialKind.BOOLEAN:
            return f"{_booleans(policy, reason)} off: {rule}"
        case DenialKind.CONSTRAINT if reason.constraint is not None:
            return _constraint_text(policy, policy.constraints[reason.constraint], vector)
        case DenialKind.ROLE:
            return (
                f"no rule (roleallow {policy.roles[source_context.role].name} {policy.roles[target_context.role].name})"
            )
        case DenialKind.BOUNDS if reason.bounds is not None:
            return f"{policy.types[reason.bounds].name}, which bounds it, lacks {rule}"
        case _:
            return f"the policy does not define all of {vector}"


def _booleans(policy: Policy, reason: DenialReason) -> str:
    """Name the booleans that switch a rule off; ``condition`` is numbered as in :class:`selbox.model.rules.Rule`."""
    expression = policy.conditionals[((reason.condition or 1) - 1) // 2].expression
    names = dict.fromkeys(policy.booleans[term].name for term in expression if isinstance(term, int))
    return f"boolean{'s' if len(names) > 1 else ''} {', '.join(names)} switch{'' if len(names) > 1 else 'es'}"


def _constraint_text(policy: Policy, constraint: Constraint, vector: str) -> str:
    keyword = "mlsconstrain" if constraint.is_mls else "constrain"
    origin = policy.origin(constraint.origin)
    place = f" at {origin.place}" if origin else ""
    return f"({keyword} {vector} {expression_text(constraint.expression)}){place}"


def expression_text(expression: Iterable[ConstraintTerm]) -> str:
    """Return a constraint's expression as CIL writes it.

    Args:
        expression: terms in postfix order.
    """
    stack: list[str] = []
    for term in expression:
        match term:
            case CompareAttributes():
                stack.append(f"({term.comparison.value} {term.left.value} {term.right.value})")
            case CompareNames():
                names = term.names[0] if len(term.names) == 1 else f"({' '.join(term.names)})"
                stack.append(f"({term.comparison.value} {term.left.value} {names})")
            case Connective.NOT:
                stack.append(f"(not {stack.pop()})")
            case _:
                right, left = stack.pop(), stack.pop()
                stack.append(f"({term.value} {left} {right})")
    return stack[-1]
