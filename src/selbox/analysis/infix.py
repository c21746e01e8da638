"""Expressions in postfix order written with operators between their operands, as SETools writes them.

SETools puts parentheses by comparing each operator with the one before it in postfix order, so that it writes some that
are not needed, and leaves some out that would be: lines can be compared with its own, but are not to be parsed.

Source: what SETools 4.4 prints.
"""

from collections.abc import Mapping, Sequence

_Node = str | list["_Node"]


def infix_text(
    words: Sequence[str],
    are_operators: Sequence[bool],
    ranks: Mapping[str, int],
    *,
    highest: int,
    negation: str,
    last_first: bool,
) -> str:
    """Return an expression, with a blank between words.

    Nothing recurses, however deep it is nested.

    Args:
        words: operands and operators in postfix order.
        are_operators: which of them are the latter.
        ranks: how closely each operator binds.
        highest: the highest of the ranks.
        negation: the operator that takes one operand.
        last_first: whether the operands of an operator are written in reverse, and those of a negation without
            parentheses when they are single words, as in conditions; else as in constraints.
    """
    stack: list[_Node] = []
    before = highest
    for word, is_operator in zip(words, are_operators, strict=True):
        if not is_operator:
            stack.append(word)
            continue
        last = stack.pop()
        if word == negation:
            stack.append([word, last] if last_first and isinstance(last, str) else [word, "(", last, ")"])
        else:
            first = stack.pop()
            pair: list[_Node] = [last, word, first] if last_first else [first, word, last]
            stack.append(pair if ranks[word] < before else ["(", *pair, ")"])
        before = ranks[word]
    return " ".join(_flat(stack))


def _flat(nodes: list[_Node]) -> list[str]:
    words: list[str] = []
    waiting: list[_Node] = nodes[::-1]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            words.append(node)
        else:
            waiting.extend(reversed(node))
    return words
