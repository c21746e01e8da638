"""Constraints: expressions over contexts, read into the postfix order in which they are evaluated.

Source: ``__cil_constrain_expr_to_sepol_expr`` of libsepol and the kernel's ``constraint_expr_eval``.
"""

from selbox.compiler.classes import Classes
from selbox.compiler.errors import StatementError
from selbox.compiler.identities import Identities
from selbox.compiler.logic import stack_depth
from selbox.compiler.namespace import Place, Symbol
from selbox.compiler.origins import Origins
from selbox.compiler.program import Program
from selbox.language.cil import Form
from selbox.model.constraint import (
    CompareAttributes,
    CompareNames,
    Comparison,
    Connective,
    Constraint,
    ConstraintTerm,
    Operand,
    ValidateTransition,
)
from selbox.typing import Final

_CONNECTIVES: Final = {each.value: each for each in Connective}
_COMPARISONS: Final = {each.value: each for each in Comparison}
_OPERANDS: Final = {each.value: each for each in Operand}
_LEVEL_PAIRS: Final = frozenset({("l1", "l2"), ("l1", "h2"), ("h1", "l2"), ("h1", "h2"), ("l1", "h1"), ("l2", "h2")})
_TURNED_PAIRS: Final = frozenset({("l2", "l1"), ("h1", "l1")})
_TURNED: Final = {
    Comparison.EQUAL: Comparison.EQUAL,
    Comparison.NOT_EQUAL: Comparison.NOT_EQUAL,
    Comparison.DOMINATES: Comparison.DOMINATED_BY,
    Comparison.DOMINATED_BY: Comparison.DOMINATES,
    Comparison.INCOMPARABLE: Comparison.INCOMPARABLE,
}
_ATTRIBUTE_PAIRS: Final = frozenset({("u1", "u2"), ("r1", "r2"), ("t1", "t2")})
_TABLES: Final = {"u": "user", "r": "role", "t": "type"}
MAXIMUM_DEPTH: Final = 5
"""Values that kernels keep while they evaluate an expression (``CEXPR_MAXDEPTH``)."""

_VALIDATING: Final = frozenset({"validatetrans", "mlsvalidatetrans"})


class Constraints:
    """The constraints of a policy.

    Attributes:
        constraints, validate_transitions: as the policy holds them.
        named_types: types and attributes that they name.
    """

    def __init__(self, program: Program, classes: Classes, identities: Identities, origins: Origins) -> None:
        self._program = program
        self._classes = classes
        self._identities = identities
        self._origins = origins
        self.named_types: set[Symbol] = set()
        self.constraints: list[Constraint] = []
        self.validate_transitions: list[ValidateTransition] = []

    def collect(self, only_optional: bool) -> None:
        """Take in every constraint."""
        self._program.run("constrain", self._constrain, only_optional)
        self._program.run("validatetrans", self._validatetrans, only_optional)

    def _constrain(self, form: Form, place: Place) -> None:
        vectors = self._classes.vectors(form, place, 1)
        expression = self._expression(form, place)
        origin = self._origins.number(form, place)
        is_mls = form.keyword == "mlsconstrain"
        self.constraints += [Constraint(each, vector, expression, is_mls, origin) for each, vector in vectors]

    def _validatetrans(self, form: Form, place: Place) -> None:
        expression = self._expression(form, place)
        origin = self._origins.number(form, place)
        is_mls = form.keyword == "mlsvalidatetrans"
        for class_id in self._classes.class_ids(form, place, 1):
            self.validate_transitions.append(ValidateTransition(class_id, expression, is_mls, origin))

    def _expression(self, form: Form, place: Place) -> tuple[ConstraintTerm, ...]:
        terms: list[ConstraintTerm] = []
        self._read(form, place, (2,), terms)
        arities = (0 if not isinstance(each, Connective) else 1 if each is Connective.NOT else 2 for each in terms)
        if stack_depth(arities) > MAXIMUM_DEPTH:
            raise StatementError(
                "cil-too-deep",
                f"kernels keep at most {MAXIMUM_DEPTH} values of an expression at a time; this one needs more",
                place,
                form,
                (2,),
                "let the deeper operand of each `and` and `or` stand first",
            )
        return tuple(terms)

    def _read(self, form: Form, place: Place, path: tuple[int, ...], terms: list[ConstraintTerm]) -> None:
        item: Form | str = form
        for index in path:
            item = item[index]
        keyword = item.keyword if isinstance(item, Form) else ""
        connective = _CONNECTIVES.get(keyword)
        if connective is not None:
            wanted = 1 if connective is Connective.NOT else 2
            if len(item) != wanted + 1:
                raise StatementError("cil-syntax", f"`{keyword}` takes {wanted} operands", place, form, path)
            for index in range(1, wanted + 1):
                self._read(form, place, (*path, index), terms)
            terms.append(connective)
        elif keyword in _COMPARISONS and len(item) == 3:
            assert isinstance(item, Form)  # noqa: S101 - it has a keyword
            terms.append(self._comparison(item, form, place, path))
        else:
            raise StatementError(
                "cil-syntax",
                "expected a comparison such as `(eq t1 t2)` or a connective over them",
                place,
                form,
                path,
                "comparisons are eq, neq, dom, domby, incomp; connectives and, or, not",
            )

    def _comparison(self, item: Form, form: Form, place: Place, path: tuple[int, ...]) -> ConstraintTerm:
        comparison = _COMPARISONS[item.keyword]
        left, right = item[1], item[2]
        operand = _OPERANDS.get(left) if isinstance(left, str) else None
        if operand is None or (operand.value[1] == "3" and form.keyword not in _VALIDATING):
            allowed = "u1 u2 r1 r2 t1 t2 l1 l2 h1 h2" + (" u3 r3 t3" if form.keyword in _VALIDATING else "")
            raise StatementError("cil-syntax", f"expected one of {allowed}", place, form, (*path, 1))
        is_level = operand.value[0] in "lh"
        ordering = comparison not in (Comparison.EQUAL, Comparison.NOT_EQUAL)
        if ordering and operand.value[0] in "ut":
            raise StatementError(
                "cil-syntax", f"`{comparison.value}` compares levels or roles, not `{operand.value}`", place, form, path
            )
        if isinstance(right, str) and right in _OPERANDS:
            if (operand.value, right) in _TURNED_PAIRS:
                self._program.diagnostics.warning(
                    "cil-operands-turned-round",
                    f"`{operand.value}` and `{right}` change places: versions of secilc compare something else here",
                    place.tree.span(form, *path),
                    f"write `({_TURNED[comparison].value} {right} {operand.value})`",
                )
                return CompareAttributes(_OPERANDS[right], _TURNED[comparison], operand)
            if (operand.value, right) not in _LEVEL_PAIRS | _ATTRIBUTE_PAIRS:
                raise StatementError(
                    "cil-syntax", f"`{operand.value}` and `{right}` cannot be compared", place, form, (*path, 2)
                )
            return CompareAttributes(operand, comparison, _OPERANDS[right])
        if is_level or ordering:
            raise StatementError("cil-syntax", "expected another part of the contexts", place, form, (*path, 2))
        return self._names(operand, comparison, form, place, (*path, 2))

    def _names(
        self, operand: Operand, comparison: Comparison, form: Form, place: Place, path: tuple[int, ...]
    ) -> CompareNames:
        item: Form | str = form
        for index in path:
            item = item[index]
        table = _TABLES[operand.value[0]]
        sets = {"user": self._identities.users, "role": self._identities.roles, "type": self._identities.types}[table]
        if not item:
            raise StatementError("cil-syntax", f"expected the name of a {table}, found `()`", place, form, path)
        paths = [path] if isinstance(item, str) else [(*path, index) for index in range(len(item))]
        named: list[Symbol] = [self._program.resolve(table, form, place, *each) for each in paths]
        if table == "type":
            self.named_types.update(named)
        ids = 0
        for symbol in named:
            ids |= sets.bits(symbol)
        return CompareNames(operand, comparison, ids, tuple(symbol.name for symbol in named))
