"""Two policies by the same numbers: what has the same name has the same number, in whichever policy it is.

Rules name types and attributes; what they come to depends only on which types these stand for. So each set of types
that a type or an attribute of either policy stands for has a number, whatever it is called, and rules of the two
policies are the same when their numbers are.
"""

from collections.abc import Iterable, Sequence

from selbox.analysis.catalogue import Catalogue
from selbox.analysis.ruletext import condition_text
from selbox.model.bitset import members
from selbox.typing import Final

_DIGITS: Final = bytes.maketrans(b"\0\1", b"01")


class Numbers:
    """Names, numbered as they come."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._numbers: dict[str, int] = {}

    def of(self, names: Iterable[str]) -> list[int]:
        """Return the number of each name; those that are new are numbered."""
        result = []
        for each in names:
            number = self._numbers.setdefault(each, len(self.names))
            if number == len(self.names):
                self.names.append(each)
            result.append(number)
        return result


class Numbering:
    """The numbers that two policies have in common.

    Args:
        left: catalogue of one policy.
        right: of the other.

    Attributes:
        types: names of types, by number; attributes are none of them.
        sets: bitsets of types, by number; the first ones are the types themselves.
        sets_of: for each policy, by id of a type or attribute, the number of what it stands for.
        moved: bitset of the types that are in one policy alone, or in an attribute of both policies in one of them.
        classes: names of classes, by number.
        classes_of: for each policy, the numbers of its classes by id.
        permissions: by number of a class, the names of its permissions in bit order; those of the left policy first.
        permissions_of: for each policy, by id of a class, the bit of each of its permissions.
        branches: conditions and whether rules hold where they do (else where they do not); the first stands for rules
            that always hold.
        branches_of: for each policy, by value of the rules' ``condition`` column, the number of the branch.
    """

    def __init__(self, left: Catalogue, right: Catalogue) -> None:
        both = left, right
        numbers = Numbers()
        own = [
            numbers.of(name for index, name in enumerate(each.types) if index not in each.attributes) for each in both
        ]
        self.types: Sequence[str] = numbers.names
        self.sets = [1 << index for index in range(len(self.types))]
        known: dict[int, int] = {bits: index for index, bits in enumerate(self.sets)}
        self.sets_of = tuple(self._number_sets(each, types, known) for each, types in zip(both, own, strict=True))
        self.moved = self._moved(both, own)
        numbers = Numbers()
        self.classes_of = tuple(numbers.of(each.classes) for each in both)
        self.classes: Sequence[str] = numbers.names
        of_classes = [Numbers() for _ in self.classes]
        self.permissions_of = tuple(
            [of_classes[number].of(names) for number, names in zip(classes, each.permissions, strict=True)]
            for each, classes in zip(both, self.classes_of, strict=True)
        )
        self.permissions: Sequence[Sequence[str]] = [each.names for each in of_classes]
        self.branches: list[tuple[str, bool]] = [("", True)]
        known_branches = {self.branches[0]: 0}
        self.branches_of = tuple(self._number_branches(each, known_branches) for each in both)

    def _number_sets(self, catalogue: Catalogue, types: list[int], known: dict[int, int]) -> list[int]:
        count = len(self.types)
        result = []
        waiting = iter(types)
        ids = [-1 if index in catalogue.attributes else next(waiting) for index in range(len(catalogue.types))]
        for index, number in enumerate(ids):
            if number >= 0:
                result.append(number)
                continue
            digits = bytearray(count)
            for each in members(catalogue.attributes[index]):
                digits[count - 1 - ids[each]] = 1
            bits = int(digits.translate(_DIGITS) or b"0", 2)
            result.append(known.setdefault(bits, len(self.sets)))
            if result[-1] == len(self.sets):
                self.sets.append(bits)
        return result

    def _moved(self, catalogues: tuple[Catalogue, Catalogue], own: list[list[int]]) -> int:
        moved = 0
        for each in frozenset(own[0]) ^ frozenset(own[1]):
            moved |= 1 << each
        left, right = (
            {each.types[index]: sets[index] for index in each.attributes}
            for each, sets in zip(catalogues, self.sets_of, strict=True)
        )
        for name in left.keys() & right.keys():
            moved |= self.sets[left[name]] ^ self.sets[right[name]]
        return moved

    def _number_branches(self, catalogue: Catalogue, known: dict[tuple[str, bool], int]) -> list[int]:
        result = [0]
        for terms in catalogue.conditions:
            text = condition_text(terms, catalogue.booleans)
            for holds in (True, False):
                branch = text, holds
                result.append(known.setdefault(branch, len(self.branches)))
                if result[-1] == len(self.branches):
                    self.branches.append(branch)
        return result
