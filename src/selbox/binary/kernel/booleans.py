"""Booleans and the conditionals over them, with the rules that they switch.

Conditionals stand in the file in the reverse of the order in which the policy's author wrote them, and so do the rules
of each branch.
"""

from collections.abc import Sequence
from struct import Struct

from selbox.binary.cursor import Cursor
from selbox.binary.kernel.accessvectors import RowReader
from selbox.binary.kernel.output import encoded, is_hole, u32s
from selbox.binary.kernel.tables import BOOLEANS, Orders, open_table, read_entries, table_bytes
from selbox.diagnostics import SelboxError
from selbox.model.conditional import BooleanOperator, Conditional
from selbox.model.policy import Policy
from selbox.model.symbols import Boolean
from selbox.typing import Final, Protocol

DEEPEST: Final = 10
"""Values that may wait for their operator, as in the kernel (``COND_EXPR_MAXDEPTH``)."""

_BOOLEAN_HEAD = Struct("<3I")
"""Number, first value, length of the name."""
_BOOLEAN = 1
_OPERATORS = dict(enumerate(BooleanOperator, 2))
_OPERATOR_NUMBERS = {each: number for number, each in _OPERATORS.items()}


def read_booleans(cursor: Cursor, orders: Orders) -> tuple[Boolean, ...]:
    """Read the booleans with their first values."""
    names, entries = open_table(cursor, BOOLEANS)
    states: dict[int, bool] = {}
    for (number, state, _), name in read_entries(cursor, entries, _BOOLEAN_HEAD, length_at=2):
        if state > 1:
            cursor.corrupt(f"boolean `{name}` has the value {state}")
        states[names.add(number, name)] = bool(state)
    return tuple(Boolean(name, states.get(index, False)) for index, name in enumerate(names.complete(orders)))


def booleans_bytes(policy: Policy) -> bytes:
    """Return the table of booleans."""
    entries = {}
    for index, each in enumerate(policy.booleans):
        if not is_hole(each.name):
            content = encoded(each.name)
            entries[each.name] = u32s(index + 1, int(each.default), len(content)) + content
    return table_bytes(BOOLEANS, len(policy.booleans), entries, policy.binary_form)


def read_conditionals(cursor: Cursor, booleans: int, rows: RowReader) -> tuple[Conditional, ...]:
    """Read the conditionals; the rules of their branches go to ``rows``.

    Args:
        cursor: stands at the list.
        booleans: how many booleans there are.
        rows: takes the rules.
    """
    cursor.section = "conditionals"
    conditionals: list[Conditional] = []
    for index in reversed(range(cursor.count(24))):
        cursor.u32()  # the state that follows from the booleans
        conditionals.append(Conditional(_read_expression(cursor, booleans)))
        rows.read(cursor.count(12), 2 * index + 1)
        rows.read(cursor.count(12), 2 * index + 2)
    rows.settle_branches()
    conditionals.reverse()
    return tuple(conditionals)


def _read_expression(cursor: Cursor, booleans: int) -> tuple[int | BooleanOperator, ...]:
    start = cursor.offset
    terms: list[int | BooleanOperator] = []
    depth = 0
    for _ in range(cursor.count(8)):
        kind, boolean = cursor.u32s(2)
        if kind == _BOOLEAN:
            if not 1 <= boolean <= booleans:
                cursor.corrupt(f"there is no boolean number {boolean}; the policy has {booleans}", cursor.offset - 4)
            terms.append(boolean - 1)
            depth += 1
        else:
            operator = _OPERATORS.get(kind)
            if operator is None or depth < _operands(operator):
                cursor.corrupt(f"a conditional's expression has operator {kind} after {depth} values", start)
            terms.append(operator)
            depth -= _operands(operator) - 1
        if depth > DEEPEST:
            cursor.corrupt(f"a conditional's expression is deeper than {DEEPEST}", start)
    if depth != 1:
        cursor.corrupt("a conditional's expression does not come to one value", start)
    return tuple(terms)


def _operands(operator: BooleanOperator) -> int:
    return 1 if operator is BooleanOperator.NOT else 2


class Branches(Protocol):
    """The entries of the branches of conditionals, as ``MergedRules`` has them."""

    def branch_bytes(self, branch: int, *, is_on: bool) -> bytes:
        """Return the entries of a branch after their number; ``is_on`` tells whether it holds at first."""


def conditionals_bytes(policy: Policy, merged: Branches) -> bytes:
    """Return the list of conditionals.

    Args:
        policy: whose conditionals and booleans are written.
        merged: the rules of their branches.

    Raises:
        SelboxError: ``binary-unwritable`` for an expression that the kernel would not evaluate.
    """
    nodes = []
    for index in reversed(range(len(policy.conditionals))):
        conditional = policy.conditionals[index]
        state = _value(conditional, policy.booleans)
        parts = [u32s(int(state), len(conditional.expression))]
        parts += [
            u32s(_OPERATOR_NUMBERS[term], 0) if isinstance(term, BooleanOperator) else u32s(_BOOLEAN, term + 1)
            for term in conditional.expression
        ]
        parts.append(merged.branch_bytes(2 * index + 1, is_on=state))
        parts.append(merged.branch_bytes(2 * index + 2, is_on=not state))
        nodes.append(b"".join(parts))
    return u32s(len(nodes)) + b"".join(nodes)


def _value(conditional: Conditional, booleans: Sequence[Boolean]) -> bool:
    stack: list[bool] = []
    for term in conditional.expression:
        if not isinstance(term, BooleanOperator):
            stack.append(booleans[term].default)
            if len(stack) > DEEPEST:
                message = f"a conditional's expression is deeper than {DEEPEST}, and the kernel would not evaluate it"
                raise SelboxError.of("binary-unwritable", message)
        elif term is BooleanOperator.NOT:
            stack.append(not stack.pop())
        else:
            right, left = stack.pop(), stack.pop()
            stack.append(_OUTCOMES[term][left + right])
    return stack[-1]


_OUTCOMES = {
    BooleanOperator.OR: (False, True, True),
    BooleanOperator.AND: (False, False, True),
    BooleanOperator.XOR: (False, True, False),
    BooleanOperator.EQUAL: (True, False, True),
    BooleanOperator.NOT_EQUAL: (False, True, False),
}
"""The outcome for none, one and two values that are true."""
