"""Columns of rules, made of the entries of a file when they are first asked for."""

import sys
from array import array
from collections.abc import Callable, Mapping, Sequence

from selbox.binary.kernel.entries import ENTRY, native
from selbox.model.rules import NO_ORIGIN, UNCONDITIONAL, KeyedRules, RuleKind, Rules
from selbox.typing import Final

SIZE: Final = ENTRY.size

_ONE: Final = array("I", [1])
_IS_DONTAUDIT: Final = bytes(0xFF * (kind == RuleKind.DONTAUDIT) for kind in range(256))
_IS_TYPE_RULE: Final = bytes(kind > RuleKind.DONTAUDIT for kind in range(256))


class EntryRules(KeyedRules):
    """The rules of a file, in its own form until somebody asks for a column.

    Most who read a policy need few of the columns: to see whether it is sound, or to write it again, none.

    Args:
        always: the entries of the rules that always hold, each with another key.
        branches: the entries of each branch of a conditional, by its number in the column ``condition``.

    Attributes:
        always, branches: as given, in the order of the file; all of them have been checked.
    """

    # INVARIANT: columns stay unset until they are asked for; what is unset, Python asks `__getattr__` for.
    __slots__ = ("always", "branches")

    def __init__(self, always: bytes = b"", branches: dict[int, bytes] | None = None) -> None:
        self.always = always
        self.branches = branches or {}
        self.keyed = len(always) // SIZE

    def __len__(self) -> int:
        return self.keyed + sum(map(len, self.branches.values())) // SIZE

    def __getattr__(self, name: str) -> "array[int]":
        """Make a column.

        Raises:
            AttributeError: for a name that is none of one.
        """
        make = _MAKERS.get(name)
        if make is None:
            raise AttributeError(name)
        column = make(self)
        setattr(self, name, column)
        return column

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the columns: whoever reads kept rules is about to decide by them."""
        columns = {name: getattr(self, name) for name in Rules.__slots__}
        return KeyedRules, (), (None, {**columns, "keyed": self.keyed})

    def bytes_at(self, place: int) -> bytes:
        """Return one byte of every entry, in the order of the columns: branches are turned round."""
        return self.always[place::SIZE] + b"".join(self.branches.values())[place::SIZE][::-1]


def _ids(rules: EntryRules, place: int) -> "array[int]":
    """Return what 16 bits at a place of the entries number from 1, as ids."""
    numbers = _words((rules.bytes_at(place), rules.bytes_at(place + 1)))
    return _column(_side_by_side(numbers) - _side_by_side(_ONE * len(numbers)), len(numbers))


def _data(rules: EntryRules) -> "array[int]":
    """Return permissions, for ``dontaudit`` those that are not audited, and ids of types."""
    kinds = rules.bytes_at(6)
    data = _words([rules.bytes_at(place) for place in range(8, SIZE)])
    turned = _words((kinds.translate(_IS_DONTAUDIT),) * 4)
    numbered = _words((kinds.translate(_IS_TYPE_RULE),))
    return _column((_side_by_side(data) ^ _side_by_side(turned)) - _side_by_side(numbered), len(data))


def _conditions(rules: EntryRules) -> "array[int]":
    conditions = array("I", [UNCONDITIONAL]) * rules.keyed
    for condition, content in reversed(rules.branches.items()):
        conditions.extend(array("I", [condition]) * (len(content) // SIZE))
    return conditions


_MAKERS: Final[Mapping[str, Callable[[EntryRules], "array[int]"]]] = {
    "source": lambda rules: _ids(rules, 0),
    "target": lambda rules: _ids(rules, 2),
    "object_class": lambda rules: _ids(rules, 4),
    "kind": lambda rules: _words((rules.bytes_at(6),)),
    "data": _data,
    "condition": _conditions,
    "origin": lambda rules: array("I", [NO_ORIGIN]) * len(rules),
}


def _words(planes: Sequence[bytes]) -> "array[int]":
    """Return words whose bytes are given, the lowest first; those that are not given are 0."""
    content = bytearray(_ONE.itemsize * len(planes[0]))
    for index, plane in enumerate(planes):
        content[index :: _ONE.itemsize] = plane
    return native(array("I", bytes(content)))


def _side_by_side(words: "array[int]") -> int:
    """Return words as one long number, in which a step of the interpreter is one for all of them."""
    return int.from_bytes(words.tobytes(), sys.byteorder)


def _column(number: int, rows: int) -> "array[int]":
    return array("I", number.to_bytes(_ONE.itemsize * rows, sys.byteorder))
