"""A constraint's expression term by term, with what each compares and comes to."""

from collections.abc import Sequence

from selbox.explain.answer import TermLine
from selbox.model.constraint import CompareAttributes, Connective, ConstraintTerm, Operand
from selbox.model.context import Context
from selbox.model.context_text import format_level
from selbox.model.policy import Policy
from selbox.server.reasontext import compared_names_text
from selbox.typing import NamedTuple


class _Node(NamedTuple):
    term: ConstraintTerm
    holds: bool
    operands: "list[_Node]"


def term_lines(
    policy: Policy, expression: Sequence[ConstraintTerm], truths: Sequence[bool], source: Context, target: Context
) -> tuple[TermLine, ...]:
    """Return the lines of an expression, each term before those that are under it.

    Connectives that stand under the same connective are one with it: ``(and a (and b c))`` is one ``and`` of three.

    Args:
        policy: whose constraint it is.
        expression: terms in postfix order.
        truths: what each term came to.
        source: context of the subject.
        target: context of the object.
    """
    stack: list[_Node] = []
    for term, holds in zip(expression, truths, strict=True):
        if not isinstance(term, Connective):
            stack.append(_Node(term, holds, []))
            continue
        count = 1 if term is Connective.NOT else 2
        operands = stack[-count:]
        del stack[-count:]
        under: list[_Node] = []
        for each in operands:
            if each.term is not term or term is Connective.NOT:
                under.append(each)
            elif under:
                under += each.operands
            else:
                under = each.operands  # nobody else has it: a long chain grows without being copied
        stack.append(_Node(term, holds, under))
    lines: list[TermLine] = []
    waiting = [(0, stack.pop())]
    while waiting:
        depth, node = waiting.pop()
        lines.append(_line(policy, depth, node, (source, target)))
        waiting.extend((depth + 1, each) for each in reversed(node.operands))
    return tuple(lines)


def _line(policy: Policy, depth: int, node: _Node, contexts: tuple[Context, Context]) -> TermLine:
    term = node.term
    if isinstance(term, Connective):
        return TermLine(depth, term.value, "", node.holds)
    left, word = _value(policy, term.left, contexts), term.comparison.value
    if isinstance(term, CompareAttributes):
        right = _value(policy, term.right, contexts)
        return TermLine(depth, f"{term.left.value} {word} {term.right.value}", f"{left} {word} {right}", node.holds)
    return TermLine(depth, f"{term.left.value} {word} {compared_names_text(policy, term)}", left, node.holds)


def _value(policy: Policy, operand: Operand, contexts: tuple[Context, Context]) -> str:
    part, party = operand.value
    context = contexts[party == "2"]
    if part == "u":
        return policy.users[context.user].name
    if part == "r":
        return policy.roles[context.role].name
    if part == "t":
        return policy.types[context.type].name
    return format_level(policy, context.range.low if part == "l" else context.range.high)
