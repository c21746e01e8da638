"""Type enforcement rules, held in columns.

A rule is a row over parallel ``array.array('I')`` columns: compact, quick to append to, and readable by numpy
without a copy (``numpy.frombuffer``) where an analysis wants arrays, while a box that only decides starts
without importing numpy (docs/adr/0002-columns-without-numpy.md).
"""

import sys
from array import array
from collections.abc import Iterable, Iterator
from enum import IntEnum
from itertools import compress

from selbox.typing import NamedTuple


class RuleKind(IntEnum):
    """What a rule says. Values are the kernel's ``AVTAB_*`` bits of the binary policy."""

    ALLOW = 0x0001
    AUDITALLOW = 0x0002
    DONTAUDIT = 0x0004
    TYPE_TRANSITION = 0x0010
    TYPE_MEMBER = 0x0020
    TYPE_CHANGE = 0x0040


ACCESS_KINDS = frozenset({RuleKind.ALLOW, RuleKind.AUDITALLOW, RuleKind.DONTAUDIT})
"""The kinds whose data is an access vector; the others' data is a type id."""

_NAMES_TYPE = bytes(kind >= RuleKind.TYPE_TRANSITION for kind in range(256))
"""For each kind whether its data is a type id."""

UNCONDITIONAL = 0
"""Value of the ``condition`` column for a rule that always holds."""

NO_ORIGIN = 0
"""Value of the ``origin`` column for a rule whose source is not known."""


class Rule(NamedTuple):
    """One row of :class:`Rules`.

    Attributes:
        kind: what it says.
        source: type or attribute id.
        target: type or attribute id (``self`` has been written out by the compiler).
        object_class: class id.
        data: for allow, auditallow and dontaudit the access vector (for dontaudit: the permissions not audited, as
            the rule was written); for the type rules the id of the resulting type.
        condition: 0 when unconditional; otherwise ``2 * index + 1`` for the true and ``2 * index + 2`` for the false
            branch of ``Policy.conditionals[index]``.
        origin: 0 when unknown; otherwise ``Policy.origins[origin - 1]``.
    """

    kind: RuleKind
    source: int
    target: int
    object_class: int
    data: int
    condition: int = UNCONDITIONAL
    origin: int = NO_ORIGIN


class Rules:
    """A table of rules; rows are never changed once the policy is built.

    Attributes:
        kind, source, target, object_class, data, condition, origin: columns of equal length, as in :class:`Rule`.
    """

    __slots__ = ("condition", "data", "kind", "object_class", "origin", "source", "target")

    def __init__(self) -> None:
        self.kind = array("I")
        self.source = array("I")
        self.target = array("I")
        self.object_class = array("I")
        self.data = array("I")
        self.condition = array("I")
        self.origin = array("I")

    def append(
        self,
        kind: RuleKind,
        source: int,
        target: int,
        object_class: int,
        data: int,
        condition: int = UNCONDITIONAL,
        origin: int = NO_ORIGIN,
    ) -> None:
        """Add a row; only the builder of a policy does this."""
        self.kind.append(kind)
        self.source.append(source)
        self.target.append(target)
        self.object_class.append(object_class)
        self.data.append(data)
        self.condition.append(condition)
        self.origin.append(origin)

    def __len__(self) -> int:
        return len(self.kind)

    def type_rows(self) -> list[int]:
        """Return the numbers of the rows whose data is a type id."""
        size = self.kind.itemsize
        lowest_bytes = self.kind.tobytes()[0 if sys.byteorder == "little" else size - 1 :: size]
        return list(compress(range(len(self)), lowest_bytes.translate(_NAMES_TYPE)))

    def select(self, rows: Iterable[int]) -> "Rules":
        """Return a table of some of the rows.

        Args:
            rows: their numbers, in the order that they shall have.
        """
        wanted = list(rows)
        selected = Rules()
        for column in Rules.__slots__:
            setattr(selected, column, array("I", map(getattr(self, column).__getitem__, wanted)))
        return selected

    def __getitem__(self, row: int) -> Rule:
        return Rule(
            RuleKind(self.kind[row]),
            self.source[row],
            self.target[row],
            self.object_class[row],
            self.data[row],
            self.condition[row],
            self.origin[row],
        )

    def __iter__(self) -> Iterator[Rule]:
        return map(self.__getitem__, range(len(self)))


class KeyedRules(Rules):
    """Rules of which the first are known to hold always and to have each another kind, source, target and class.

    Attributes:
        keyed: how many these are; all further ones are conditional.
    """

    __slots__ = ("keyed",)

    def __init__(self) -> None:
        super().__init__()
        self.keyed = 0


class NamedTransition(NamedTuple):
    """A type transition that also asks for the new object's name (kernel: filename transition).

    Attributes:
        source: type or attribute id; target: likewise; object_class: class id.
        name: last component of the new object's path, compared whole.
        result: id of the new object's type.
        origin: as in :class:`Rule`.
    """

    source: int
    target: int
    object_class: int
    name: str
    result: int
    origin: int = NO_ORIGIN


class RangeTransition(NamedTuple):
    """The range that a new process or object takes.

    Attributes:
        source: type or attribute id; target: likewise; object_class: class id.
        range: index into ``Policy.ranges``.
        origin: as in :class:`Rule`.
    """

    source: int
    target: int
    object_class: int
    range: int
    origin: int = NO_ORIGIN


class RoleAllow(NamedTuple):
    """Permission for a process to change from one role to another."""

    source: int
    target: int
    origin: int = NO_ORIGIN


class RoleTransition(NamedTuple):
    """The role that a new process or object takes.

    Attributes:
        source: role id; target: type or attribute id; object_class: class id; result: role id.
    """

    source: int
    target: int
    object_class: int
    result: int
    origin: int = NO_ORIGIN
