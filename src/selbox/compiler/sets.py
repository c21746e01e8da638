"""Sets of types, roles, users and categories: expressions over names, and the named sets that they make.

Source: the set expressions of the CIL reference guide; ``cil_expand_type`` and its like of libsepol.
"""

from enum import Enum

from selbox.compiler.errors import StatementError
from selbox.compiler.namespace import Place, Symbol
from selbox.compiler.program import Program
from selbox.language.cil import Form
from selbox.typing import Final


class SetOperator(Enum):
    """Operators of set expressions, in postfix order after their operands; ``all`` has none."""

    AND = "and"
    OR = "or"
    XOR = "xor"
    NOT = "not"
    ALL = "all"


SetTerm = int | Symbol | SetOperator
"""A bitset, a named set yet to be evaluated, or an operator over what precedes it."""

_OPERATORS: Final = {operator.value: operator for operator in SetOperator}
_WORDS: Final = frozenset({*_OPERATORS, "range"})


class SetTable:
    """The sets over one table of names.

    Args:
        program: resolves names.
        table: the table of names.
        member: the flavour of a single member; everything else of the table is a set.
        universe: bitset of all members.
    """

    def __init__(self, program: Program, table: str, member: str, universe: int) -> None:
        self.universe = universe
        self._program = program
        self._table = table
        self._words = _WORDS if table == "category" else _WORDS - {"range"}
        self._member = member
        self._terms: dict[Symbol, list[SetTerm]] = {}
        self._bits: dict[Symbol, int] = {}

    def define(self, symbol: Symbol, terms: list[SetTerm]) -> None:
        """Add to a named set; several statements of one set are united."""
        known = self._terms.get(symbol)
        if known is None:
            self._terms[symbol] = terms
        else:
            known += [*terms, SetOperator.OR]

    def assign(self, symbol: Symbol, bits: int) -> None:
        """Say what a named set holds, with no expression for it."""
        self._bits[symbol] = bits

    def terms(self, symbol: Symbol) -> list[SetTerm]:
        """Return the expression of a named set; empty when it has none."""
        return self._terms.get(symbol, [])

    def read(self, form: Form, place: Place, *path: int) -> list[SetTerm]:
        """Read an expression into postfix order.

        Args:
            form: the statement.
            place: where it stands.
            *path: indices from it to the expression.

        Raises:
            UnresolvedNameError: it names what nothing declares.
            StatementError: it is no expression.
        """
        item: Form | str = form
        for index in path:
            item = item[index]
        terms: list[SetTerm] = []
        self._read(item, form, place, path, terms)
        return terms

    def _leaf(self, form: Form, place: Place, path: tuple[int, ...]) -> SetTerm:
        symbol = self._program.resolve(self._table, form, place, *path)
        return 1 << symbol.id if symbol.flavour == self._member else symbol

    def _read(self, item: "Form | str", form: Form, place: Place, path: tuple[int, ...], terms: list[SetTerm]) -> None:
        if isinstance(item, str):
            if item in self._words:
                raise StatementError("cil-syntax", f"`{item}` needs parentheses: `({item} …)`", place, form, path)
            terms.append(self._leaf(form, place, path))
            return
        keyword = item.keyword
        if keyword in self._words:
            self._read_operator(keyword, item, form, place, path, terms)
            return
        if not item:
            raise StatementError("cil-syntax", "expected a name or an expression, found `()`", place, form, path)
        united = 0
        parts = 0
        root = self._program.root
        in_reach = root.tables.get(self._table, {}) if place.scope is root else {}
        for index, part in enumerate(item):
            if isinstance(part, str):
                known = in_reach.get(part)
                if known is not None and known.actual is None and known.flavour == self._member:
                    united |= 1 << known.id
                    continue
                if part in self._words:
                    raise StatementError(
                        "cil-syntax", f"`{part}` must stand first in its parentheses", place, form, (*path, index)
                    )
                leaf = self._leaf(form, place, (*path, index))
                if isinstance(leaf, int):
                    united |= leaf
                    continue
                terms.append(leaf)
            else:
                self._read(part, form, place, (*path, index), terms)
            parts += 1
        if united or not parts:
            terms.append(united)
            parts += 1
        terms += [SetOperator.OR] * (parts - 1)

    def _read_operator(
        self, keyword: str, item: Form, form: Form, place: Place, path: tuple[int, ...], terms: list[SetTerm]
    ) -> None:
        wanted = {"all": 0, "not": 1}.get(keyword, 2)
        if len(item) != wanted + 1:
            raise StatementError("cil-syntax", f"`{keyword}` takes {wanted} operands here", place, form, path)
        if keyword == "all":
            terms.append(SetOperator.ALL)
        elif keyword == "range":
            terms.append(self._range(form, place, path))
        else:
            for index in range(1, wanted + 1):
                self._read(item[index], form, place, (*path, index), terms)
            terms.append(_OPERATORS[keyword])

    def _range(self, form: Form, place: Place, path: tuple[int, ...]) -> int:
        ends = [self._program.resolve("category", form, place, *path, index) for index in (1, 2)]
        if any(end.flavour != "category" for end in ends):
            raise StatementError("cil-syntax", "a range goes from one category to another", place, form, path)
        low, high = (end.id for end in ends)
        if low > high:
            raise StatementError(
                "cil-bad-range", f"`{ends[0].name}` comes after `{ends[1].name}` in the order", place, form, path
            )
        return (1 << high + 1) - (1 << low)

    def evaluate(self, terms: list[SetTerm]) -> int:
        """Return the bitset that an expression stands for.

        Raises:
            StatementError: named sets hold themselves.
        """
        for term in terms:
            if isinstance(term, Symbol):
                self.bits(term)
        return self._combine(terms)

    def bits(self, symbol: Symbol) -> int:
        """Return the members of a name: itself, or those of the set that it names.

        Raises:
            StatementError: the set holds itself.
        """
        if symbol.flavour == self._member:
            return 1 << symbol.id
        known = self._bits.get(symbol)
        if known is not None:
            return known
        pending = [symbol]
        active: set[Symbol] = set()
        while pending:
            current = pending[-1]
            if current in self._bits:
                pending.pop()
                continue
            terms = self._terms.get(current, [])
            missing = [term for term in terms if isinstance(term, Symbol) and term not in self._bits]
            if missing:
                active.add(current)
                for each in missing:
                    if each in active:
                        self._bits[each] = 0
                        raise StatementError(
                            "cil-cyclic-set",
                            f"{each.flavour} `{each.name}` holds itself, directly or through others",
                            each.place,
                            each.form,
                        )
                pending += missing
                continue
            self._bits[current] = self._combine(terms)
            active.discard(current)
            pending.pop()
        return self._bits[symbol]

    def _combine(self, terms: list[SetTerm]) -> int:
        stack: list[int] = []
        for term in terms:
            if isinstance(term, int):
                stack.append(term)
            elif isinstance(term, Symbol):
                stack.append(self._bits[term])
            elif term is SetOperator.NOT:
                stack.append(self.universe & ~stack.pop())
            elif term is SetOperator.ALL:
                stack.append(self.universe)
            else:
                right = stack.pop()
                left = stack.pop()
                if term is SetOperator.OR:
                    stack.append(left | right)
                elif term is SetOperator.AND:
                    stack.append(left & right)
                else:
                    stack.append(left ^ right)
        return stack[-1] if stack else 0
