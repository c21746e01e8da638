"""Constraints: expressions over two contexts that must hold before permissions are granted.

Expressions are in postfix order, as the kernel evaluates them.
"""

from enum import Enum

from selbox.model.rules import NO_ORIGIN
from selbox.typing import NamedTuple


class Operand(Enum):
    """What a comparison looks at. Numbers 1, 2, 3 are source, target and, in ``validatetrans``, the new-object task."""

    USER_1 = "u1"
    USER_2 = "u2"
    USER_3 = "u3"
    ROLE_1 = "r1"
    ROLE_2 = "r2"
    ROLE_3 = "r3"
    TYPE_1 = "t1"
    TYPE_2 = "t2"
    TYPE_3 = "t3"
    LOW_1 = "l1"
    LOW_2 = "l2"
    HIGH_1 = "h1"
    HIGH_2 = "h2"


class Comparison(Enum):
    """How a comparison compares; the last three are for roles and levels only."""

    EQUAL = "eq"
    NOT_EQUAL = "neq"
    DOMINATES = "dom"
    DOMINATED_BY = "domby"
    INCOMPARABLE = "incomp"


class Connective(Enum):
    """Boolean connectives over what stands before them on the stack."""

    NOT = "not"
    AND = "and"
    OR = "or"


class NamesForm(Enum):
    """How a set of names was written in the policy language."""

    PLAIN = "{}"
    STAR = "*"
    COMPLEMENT = "~"


class CompareAttributes(NamedTuple):
    """Compares two parts of the contexts, such as ``u1 == u2`` or ``l1 dom l2``."""

    left: Operand
    comparison: Comparison
    right: Operand


class CompareNames(NamedTuple):
    """Compares one part of a context with names of the policy.

    Attributes:
        left: a user, role or type operand.
        comparison: ``EQUAL`` or ``NOT_EQUAL``.
        ids: bitset of user, role or type ids (types only: attributes have been written out).
        names: the names as the policy wrote them, for explanations; empty when a binary policy does not hold them.
        excluded: types that were written as ``-name`` beside them.
        form: whether the names were written plainly or under an operator.
    """

    left: Operand
    comparison: Comparison
    ids: int
    names: tuple[str, ...]
    excluded: tuple[str, ...] = ()
    form: NamesForm = NamesForm.PLAIN


ConstraintTerm = CompareAttributes | CompareNames | Connective


class Constraint(NamedTuple):
    """A ``constrain`` or ``mlsconstrain`` statement for one class.

    Attributes:
        object_class: class id.
        permissions: access vector of the permissions that it limits.
        expression: terms in postfix order.
        is_mls: whether it was written as ``mlsconstrain``.
        origin: as in :class:`selbox.model.rules.Rule`.
    """

    object_class: int
    permissions: int
    expression: tuple[ConstraintTerm, ...]
    is_mls: bool
    origin: int = NO_ORIGIN


class ValidateTransition(NamedTuple):
    """A ``validatetrans`` or ``mlsvalidatetrans`` statement: which relabelling of an object is possible at all."""

    object_class: int
    expression: tuple[ConstraintTerm, ...]
    is_mls: bool
    origin: int = NO_ORIGIN
