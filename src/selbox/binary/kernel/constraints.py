"""Constraints, which the file keeps with their class.

A class's constraints stand in the file in the reverse of the order in which the policy's author wrote them.
"""

from collections.abc import Callable, Iterable, Sequence

from selbox.binary.cursor import Cursor
from selbox.binary.ebitmap import ebitmap_bytes, read_ebitmap
from selbox.binary.kernel.contexts import Symbols
from selbox.binary.kernel.output import u32s
from selbox.binary.kernel.versions import Layout
from selbox.diagnostics import SelboxError
from selbox.model.bitset import members
from selbox.model.constraint import (
    CompareAttributes,
    CompareNames,
    Comparison,
    Connective,
    Constraint,
    ConstraintTerm,
    NamesForm,
    Operand,
    ValidateTransition,
)
from selbox.model.policy import Policy
from selbox.typing import Final, NamedTuple

DEEPEST: Final = 5
"""Operands that may wait for their connective, as in the kernel (``CEXPR_MAXDEPTH``)."""

_BEGINNING = 64
"""Bytes by which an expression is looked up."""

_MOST_ALIKE = 16
"""Expressions that begin with the same bytes and are kept: a mangled file takes no time beyond its size."""

_CONNECTIVES = {1: Connective.NOT, 2: Connective.AND, 3: Connective.OR}
_ATTRIBUTES = 4
_NAMES = 5
_COMPARISONS = dict(enumerate(Comparison, 1))

_PAIRS = {
    1: (Operand.USER_1, Operand.USER_2),
    2: (Operand.ROLE_1, Operand.ROLE_2),
    4: (Operand.TYPE_1, Operand.TYPE_2),
    32: (Operand.LOW_1, Operand.LOW_2),
    64: (Operand.LOW_1, Operand.HIGH_2),
    128: (Operand.HIGH_1, Operand.LOW_2),
    256: (Operand.HIGH_1, Operand.HIGH_2),
    512: (Operand.LOW_1, Operand.HIGH_1),
    1024: (Operand.LOW_2, Operand.HIGH_2),
}
_FIRST_OF_LEVELS = 32
_EQUALITIES = frozenset({Comparison.EQUAL, Comparison.NOT_EQUAL})
_EQUAL_ONLY = frozenset({1, 4})

_TARGET = 8
_THIRD = 16
_SUBJECTS = {
    1: Operand.USER_1,
    2: Operand.ROLE_1,
    4: Operand.TYPE_1,
    1 | _TARGET: Operand.USER_2,
    2 | _TARGET: Operand.ROLE_2,
    4 | _TARGET: Operand.TYPE_2,
    1 | _THIRD: Operand.USER_3,
    2 | _THIRD: Operand.ROLE_3,
    4 | _THIRD: Operand.TYPE_3,
}
_TYPES = frozenset({Operand.TYPE_1, Operand.TYPE_2, Operand.TYPE_3})
_ROLES = frozenset({Operand.ROLE_1, Operand.ROLE_2, Operand.ROLE_3})
_FORMS = {0: NamesForm.PLAIN, 1: NamesForm.STAR, 2: NamesForm.COMPLEMENT}

_PAIR_NUMBERS = {pair: number for number, pair in _PAIRS.items()}
_SUBJECT_NUMBERS = {operand: number for number, operand in _SUBJECTS.items()}
_CONNECTIVE_NUMBERS = {each: number for number, each in _CONNECTIVES.items()}
_COMPARISON_NUMBERS = {each: number for number, each in _COMPARISONS.items()}
_FORM_NUMBERS = {each: number for number, each in _FORMS.items()}


class RawNames(NamedTuple):
    """A comparison with names, as numbers of tables that are not read yet.

    Attributes:
        offset: where it stands in the file.
        left, comparison, ids, form: as in :class:`CompareNames`.
        named: bitset of the ids of types and attributes that the author wrote.
        excluded: bitset of those that were written as ``-name``.
    """

    offset: int
    left: Operand
    comparison: Comparison
    ids: int
    named: int = 0
    excluded: int = 0
    form: NamesForm = NamesForm.PLAIN


RawTerm = CompareAttributes | RawNames | Connective


class RawConstraint(NamedTuple):
    """A constraint of a class before the tables that it refers to are read; ``permissions`` is an access vector."""

    permissions: int
    expression: tuple[RawTerm, ...]

    @property
    def is_mls(self) -> bool:
        """Whether it looks at levels; the file does not tell otherwise how it was written."""
        return any(isinstance(term, CompareAttributes) and _is_level(term) for term in self.expression)


def _is_level(term: CompareAttributes) -> bool:
    return _PAIR_NUMBERS[term.left, term.right] >= _FIRST_OF_LEVELS


class ConstraintReader:
    """Reads the constraints of class after class.

    A policy's author constrains many classes alike: expressions that begin as one does that was read before are looked
    up whole, and have one value.

    Args:
        cursor: of the file.
        layout: of the policy.
        for_transitions: whether they are ``validatetrans`` statements, which alone may look at a third context.
    """

    def __init__(self, cursor: Cursor, layout: Layout, *, for_transitions: bool) -> None:
        self._cursor = cursor
        self._layout = layout
        self._for_transitions = for_transitions
        self._known: dict[bytes, list[tuple[bytes, tuple[RawTerm, ...]]]] = {}

    def read(self, count: int) -> list[RawConstraint]:
        """Read the constraints of one class, of which there are ``count``."""
        cursor = self._cursor
        if count * 20 > cursor.left:
            cursor.corrupt(f"a class with {count} constraints cannot be right: {cursor.left} bytes are left")
        result = [RawConstraint(cursor.u32(), self._expression()) for _ in range(count)]
        result.reverse()
        return result

    def _expression(self) -> tuple[RawTerm, ...]:
        cursor = self._cursor
        start, data = cursor.offset, cursor.data
        known = self._known.setdefault(data[start : start + _BEGINNING], [])
        for content, expression in known:
            if data.startswith(content, start):
                cursor.offset = start + len(content)
                return expression
        length = cursor.u32()
        if length * 12 > cursor.left:
            cursor.corrupt(f"an expression of {length} terms cannot be right: {cursor.left} bytes are left")
        expression = _read_expression(cursor, length, self._layout, self._for_transitions)
        if len(known) < _MOST_ALIKE:
            known.append((data[start : cursor.offset], expression))
        return expression


def _read_expression(cursor: Cursor, length: int, layout: Layout, for_transitions: bool) -> tuple[RawTerm, ...]:
    terms: list[RawTerm] = []
    depth = 0
    start = cursor.offset
    for _ in range(length):
        term = _read_term(cursor, layout, for_transitions)
        terms.append(term)
        if not isinstance(term, Connective):
            depth += 1
        elif depth < (1 if term is Connective.NOT else 2):
            depth = 0
            break
        elif term is not Connective.NOT:
            depth -= 1
        if depth > DEEPEST:
            cursor.corrupt(f"a constraint's expression is deeper than {DEEPEST}", start)
    if depth != 1:
        cursor.corrupt("a constraint's expression does not come to one value", start)
    return tuple(terms)


def _read_term(cursor: Cursor, layout: Layout, for_transitions: bool) -> RawTerm:
    start = cursor.offset
    kind, subject, operator = cursor.u32s(3)
    connective = _CONNECTIVES.get(kind)
    if connective is not None:
        return connective
    comparison = _COMPARISONS.get(operator)
    if comparison is None or kind not in (_ATTRIBUTES, _NAMES):
        cursor.corrupt(f"a constraint has a term of kind {kind} with operator {operator}", start)
    if kind == _ATTRIBUTES:
        pair = _PAIRS.get(subject)
        if pair is None or (subject in _EQUAL_ONLY and comparison not in _EQUALITIES):
            cursor.corrupt(f"a constraint compares {subject:#x} by operator {operator}", start)
        return CompareAttributes(pair[0], comparison, pair[1])
    operand = _SUBJECTS.get(subject)
    if operand is None or comparison not in _EQUALITIES or (subject & _THIRD and not for_transitions):
        cursor.corrupt(f"a constraint compares {subject:#x} with names by operator {operator}", start)
    ids = read_ebitmap(cursor)
    if not layout.constraint_names:
        return RawNames(start, operand, comparison, ids)
    named, excluded = read_ebitmap(cursor), read_ebitmap(cursor)
    flags = cursor.u32()
    form = _FORMS.get(flags)
    if form is None:
        cursor.corrupt(f"the names of a constraint have the flags {flags:#x}", cursor.offset - 4)
    return RawNames(start, operand, comparison, ids, named, excluded, form)


class Resolver:
    """Gives constraints their final expressions.

    Args:
        cursor: for messages.
        types: the names of all types and attributes, by id.
        symbols: of the policy.
    """

    def __init__(self, cursor: Cursor, types: Sequence[str], symbols: Symbols) -> None:
        self._cursor = cursor
        self._types = types
        self._limits = {operand: _limit(operand, symbols) for operand in _SUBJECT_NUMBERS}
        self._known: dict[int, tuple[tuple[RawTerm, ...], tuple[ConstraintTerm, ...]]] = {}

    def expression(self, constraint: RawConstraint) -> tuple[ConstraintTerm, ...]:
        """Return the final expression of a constraint."""
        raw = constraint.expression
        known = self._known.get(id(raw))
        if known is None:
            # What is kept with the result keeps its number from becoming another's.
            known = self._known[id(raw)] = raw, tuple(map(self._term, raw))
        return known[1]

    def _term(self, term: RawTerm) -> ConstraintTerm:
        if not isinstance(term, RawNames):
            return term
        types = self._types
        if term.ids >> self._limits[term.left] or (term.named | term.excluded) >> len(types):
            self._cursor.section = "classes"
            self._cursor.corrupt(f"a constraint on {term.left.value} names a symbol that is not there", term.offset)
        names = tuple([types[each] for each in members(term.named)])
        excluded = tuple([types[each] for each in members(term.excluded)])
        return CompareNames(term.left, term.comparison, term.ids, names, excluded, term.form)


def _limit(operand: Operand, symbols: Symbols) -> int:
    if operand in _TYPES:
        return symbols.types
    return len(symbols.roles if operand in _ROLES else symbols.users)


class TypeNames(NamedTuple):
    """What a comparison with types says of them.

    Attributes:
        ids, named, excluded: as in :class:`RawNames`.
        are_written: whether the version has a place for more than the ids.
    """

    ids: int
    named: int
    excluded: int
    are_written: bool

    @property
    def content(self) -> bytes:
        """The sets as the file has them."""
        if not self.are_written:
            return ebitmap_bytes(self.ids)
        return ebitmap_bytes(self.ids) + ebitmap_bytes(self.named) + ebitmap_bytes(self.excluded)


class IdentityNames(NamedTuple):
    """What a comparison with roles or users says of them.

    Attributes:
        table: ``role`` or ``user``.
        ids: as in :class:`RawNames`.
        names: those that the author wrote.
        are_written: as in :class:`TypeNames`.
    """

    table: str
    ids: int
    names: tuple[str, ...]
    are_written: bool

    @property
    def content(self) -> bytes:
        """The sets as the file has them."""
        return ebitmap_bytes(self.ids) + (ebitmap_bytes(0) * 2 if self.are_written else b"")


Piece = bytes | TypeNames | IdentityNames
"""A piece of a section, or what one is made of that depends on the ids of types, roles or users."""


def constraints_pieces(
    policy: Policy, layout: Layout, constraints: Sequence[Constraint | ValidateTransition]
) -> list[Piece]:
    """Return the constraints of one class, in the order of their statements."""
    type_ids = policy.type_ids.get
    pieces: list[Piece] = []
    for each in reversed(constraints):
        permissions = each.permissions if isinstance(each, Constraint) else 0
        pieces.append(u32s(permissions, len(each.expression)))
        for term in each.expression:
            pieces += _term_pieces(term, layout, type_ids)
    return pieces


def _term_pieces(term: ConstraintTerm, layout: Layout, type_ids: Callable[[str], int | None]) -> tuple[Piece, ...]:
    if not isinstance(term, CompareNames):
        return (_term_bytes(term),)
    head = u32s(_NAMES, _SUBJECT_NUMBERS[term.left], _COMPARISON_NUMBERS[term.comparison])
    names: Piece
    if term.left in _TYPES:
        named, excluded = _ids(term.names, type_ids), _ids(term.excluded, type_ids)
        names = TypeNames(term.ids, named, excluded, layout.constraint_names)
    else:
        table = "role" if term.left in _ROLES else "user"
        names = IdentityNames(table, term.ids, term.names, layout.constraint_names)
    return (head, names, u32s(_FORM_NUMBERS[term.form])) if layout.constraint_names else (head, names)


def _term_bytes(term: Connective | CompareAttributes) -> bytes:
    if isinstance(term, Connective):
        return u32s(_CONNECTIVE_NUMBERS[term], 0, 0)
    operator = _COMPARISON_NUMBERS[term.comparison]
    number = _PAIR_NUMBERS.get((term.left, term.right))
    if number is None:
        message = f"a constraint compares {term.left.value} with {term.right.value}, which no binary policy can say"
        raise SelboxError.of("binary-unwritable", message)
    return u32s(_ATTRIBUTES, number, operator)


def _ids(names: Iterable[str], type_ids: Callable[[str], int | None]) -> int:
    """Return the set of named types; names that the policy does not keep are left out."""
    result = 0
    for name in names:
        found = type_ids(name)
        if found is not None:
            result |= 1 << found
    return result
