"""Constraints of a class as CIL.

Source: ``constraint_expr_to_string`` and ``constraints_to_cil`` of libsepol's ``module_to_cil.c``.
"""

from collections.abc import Iterable

from selbox.binary.module import Module
from selbox.binary.modulesections.constraints import ATTRIBUTES, NAMES, NOT
from selbox.binary.modulesections.values import ConstraintTerm
from selbox.compiler.text.modules.names import names_of
from selbox.diagnostics import SelboxError
from selbox.typing import Final

_OPERATORS: Final = {1: "eq", 2: "neq", 3: "dom", 4: "domby", 5: "incomp"}
_CONNECTIVES: Final = {1: "not", 2: "and", 3: "or"}
_USER, _ROLE, _TYPE, _TARGET, _XTARGET = 1, 2, 4, 8, 16
_ATTRIBUTES: Final = {
    _USER: ("u1", "u2"),
    _USER | _TARGET: ("u2", ""),
    _USER | _XTARGET: ("u3", ""),
    _ROLE: ("r1", "r2"),
    _ROLE | _TARGET: ("r2", ""),
    _ROLE | _XTARGET: ("r3", ""),
    _TYPE: ("t1", "t2"),
    _TYPE | _TARGET: ("t2", ""),
    _TYPE | _XTARGET: ("t3", ""),
    32: ("l1", "l2"),
    64: ("l1", "h2"),
    128: ("h1", "l2"),
    256: ("h1", "h2"),
    512: ("l1", "h1"),
    1024: ("l2", "h2"),
}


def expression_text(expression: Iterable[ConstraintTerm], module: Module, name: str) -> str:
    """Return the expression of a constraint.

    Args:
        expression: its terms, in reverse Polish order.
        module: the module that it is in.
        name: what messages call the module's file.

    Raises:
        SelboxError: ``module-constraint``, when an operator or attribute is not known.
    """
    stack: list[str] = []
    for term in expression:
        if term.kind not in (ATTRIBUTES, NAMES):
            second = "" if term.kind == NOT else " " + stack.pop()
            stack.append(f"({_CONNECTIVES[term.kind]} {stack.pop()}{second})")
            continue
        operator, attributes = _OPERATORS.get(term.operator), _ATTRIBUTES.get(term.attribute)
        if operator is None or attributes is None:
            raise SelboxError.of(
                "module-constraint",
                f"{name}: a constraint compares attributes {term.attribute:#x} by operator {term.operator}, and CIL "
                "has no words for that",
            )
        other = attributes[1] if term.kind == ATTRIBUTES else _names(term, module)
        stack.append(f"({operator} {attributes[0]} {other})")
    return stack[0]


def _names(term: ConstraintTerm, module: Module) -> str:
    tables = module.tables
    if term.attribute & _TYPE:
        names = names_of(term.types.types, tables.types.names)
    elif term.attribute & _USER:
        names = names_of(term.names, tables.users.names)
    else:
        names = names_of(term.names, tables.roles.names)
    if not names:
        return "NO_IDENTIFIER"
    return names[0] if len(names) == 1 else f"({' '.join(names)})"
