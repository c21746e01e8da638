"""Constraints and ``validatetrans`` rules of a class.

Source: ``read_cons_helper`` of libsepol's ``policydb.c``.
"""

from selbox.binary.modulesections.reader import ModuleReader
from selbox.binary.modulesections.values import NO_TYPES, Constraint, ConstraintTerm
from selbox.typing import Final

NOT: Final = 1
AND: Final = 2
OR: Final = 3
ATTRIBUTES: Final = 4
NAMES: Final = 5
"""Kinds of terms: operators, a comparison of two attributes, a comparison with names."""

_OPERANDS = {NOT: 1, AND: 2, OR: 2, ATTRIBUTES: 0, NAMES: 0}


def read_constraints(reader: ModuleReader, count: int) -> tuple[Constraint, ...]:
    """Read ``count`` constraints.

    Raises:
        SelboxError: ``binary-truncated`` or ``binary-corrupt``, among it an expression that lacks operands.
    """
    cursor = reader.cursor
    constraints = []
    for _ in range(count):
        permissions = cursor.u32()
        terms = []
        depth = 0
        for _ in range(cursor.count(12)):
            start = cursor.offset
            kind, attribute, operator = cursor.u32s(3)
            operands = _OPERANDS.get(kind)
            if operands is None or depth < operands:
                cursor.corrupt(f"a term of kind {kind} cannot stand here in an expression", start)
            depth += 1 - operands
            names, types = 0, NO_TYPES
            if kind == NAMES:
                names, types = reader.bitmap(), reader.type_set()
            terms.append(ConstraintTerm(kind, attribute, operator, names, types))
        if depth != 1:
            cursor.corrupt("the expression of a constraint does not come to one result")
        constraints.append(Constraint(permissions, tuple(terms)))
    return tuple(constraints)
