"""Constraints and ``validatetrans`` rules of a class.

Source: ``write_cons_helper`` of libsepol's ``write.c``.
"""

from collections.abc import Sequence

from selbox.binary.ebitmap import ebitmap_bytes
from selbox.binary.kernel.output import u32s
from selbox.binary.modulesections.constraints import NAMES
from selbox.binary.modulesections.values import Constraint, ConstraintTerm
from selbox.binary.modulewriting.parts import type_set_bytes


def constraints_bytes(constraints: Sequence[Constraint]) -> bytes:
    """Return constraints one after the other, without their number."""
    pieces = []
    for permissions, expression in constraints:
        pieces.append(u32s(permissions, len(expression)))
        pieces += [_term_bytes(each) for each in expression]
    return b"".join(pieces)


def _term_bytes(term: ConstraintTerm) -> bytes:
    head = u32s(term.kind, term.attribute, term.operator)
    return head + ebitmap_bytes(term.names) + type_set_bytes(term.types) if term.kind == NAMES else head
