"""Which interface of a policy gives an access, and the least besides.

How far an interface is from an access is a number: for each access that the interface gives, the weights of its
permissions that were not asked for (``language/permissionmap.py``), and a penalty for each type and class that is
another. Writing where only reading was asked for costs more than anything.

Source: ``AccessMatcher`` of sepolgen's ``matching.py``, ``InterfaceGenerator`` of its ``policygen.py``.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import product

from selbox.language.interfaceinfo import OBJECT_CLASS, SOURCE, TARGET, Interface, InterfaceAccess, is_parameter
from selbox.language.permissionmap import Direction, Mapping, PermissionMap
from selbox.typing import Final, NamedTuple

_OTHER_NAME: Final = 10
_WRITES: Final = 100
_UNKNOWN: Final = Mapping(Direction.BOTH, 5)
_WRITING: Final = frozenset({Direction.WRITE, Direction.BOTH})
_ONLY: Final = "$1"
"""The parameter of an interface that can be called for one access."""


class InterfaceCall(NamedTuple):
    """A call of an interface."""

    interface: str
    argument: str

    def __str__(self) -> str:
        return f"{self.interface}({self.argument})"


class InterfaceMatch(NamedTuple):
    """An interface that gives an access.

    Attributes:
        call: how it is called for it.
        distance: how much more it gives; 0 for nothing.
    """

    call: InterfaceCall
    distance: int


class InterfaceMatcher:
    """Finds the interfaces that give an access.

    Args:
        interfaces: all that there are. Those with one parameter, for a type or class, are called.
        permissions: says how much each permission weighs.
    """

    def __init__(self, interfaces: Iterable[Interface], permissions: PermissionMap) -> None:
        weights = _Weights(permissions)
        self._giving: dict[tuple[str, str, str], list[tuple[_Candidate, frozenset[str]]]] = {}
        for order, each in enumerate(interfaces):
            if _can_be_called(each):
                candidate = _Candidate(order, each, weights)
                for access in each.accesses:
                    self._giving.setdefault(access[:3], []).append((candidate, access.permissions))

    def matches(self, source: str, target: str, object_class: str, permissions: Iterable[str]) -> list[InterfaceMatch]:
        """Return the interfaces that give an access of a type to a type, the nearest first."""
        wanted = InterfaceAccess(source, target, object_class, frozenset(permissions))
        candidates = {
            candidate
            for key in _keys(wanted)
            for candidate, permissions in self._giving.get(key, ())
            if wanted.permissions <= permissions
        }
        found = sorted(((each.distance(wanted), each.place, each) for each in candidates), key=lambda found: found[:2])
        return [InterfaceMatch(each.call(wanted), distance) for distance, _, each in found]


def _keys(wanted: InterfaceAccess) -> Iterator[tuple[str, str, str]]:
    """Yield the sources, targets and classes that stand for those that are wanted."""
    return product((wanted.source, _ONLY), (wanted.target, _ONLY), (wanted.object_class, _ONLY))


def _can_be_called(interface: Interface) -> bool:
    return list(interface.parameters) == [_ONLY] and interface.parameters[_ONLY] in (SOURCE, TARGET, OBJECT_CLASS)


class _Weights:
    """What permissions weigh together."""

    def __init__(self, permissions: PermissionMap) -> None:
        self._classes = permissions

    def sum(self, object_class: str, permissions: Iterable[str]) -> int:
        """Return the sum of the weights."""
        return sum([each.weight for each in self._mappings(object_class, permissions)])

    def writes(self, object_class: str, permissions: Iterable[str]) -> bool:
        """Tell whether one of them lets information get from the source to the target."""
        return any(each.direction in _WRITING for each in self._mappings(object_class, permissions))

    def _mappings(self, object_class: str, permissions: Iterable[str]) -> list[Mapping]:
        of_class = self._classes.get(object_class, {})
        found = [of_class.get(each, _UNKNOWN) for each in permissions]
        return [_UNKNOWN if each.direction is Direction.UNMAPPED else each for each in found]


class _Candidate:
    """An interface that can be called.

    Args:
        order: its number.
        interface: what it is.
        weights: of the permissions.

    Attributes:
        place: decides between those that are as near: what gives access to a parameter comes first, as libraries of
            such interfaces list it.
    """

    def __init__(self, order: int, interface: Interface, weights: _Weights) -> None:
        accesses = interface.accesses
        self.place = (not any(is_parameter(each.target) for each in accesses), order)
        self._interface = interface
        self._weights = weights
        self._given: dict[tuple[str, str, str], tuple[frozenset[str], int]] = {}
        self._names: tuple[Counter[str], ...] = ()
        self._everything = 0
        self._writes = False

    def distance(self, wanted: InterfaceAccess) -> int:
        """Return how much more the interface gives than what is wanted, which it gives."""
        weights = self._weights
        if not self._given:
            self._weigh()
        distance = self._everything
        for name, names in zip(wanted[:3], self._names, strict=True):
            distance -= _OTHER_NAME * names[name]
        for key in _keys(wanted):
            given = self._given.get(key)
            if given is not None:
                permissions, weight = given
                # What lacks a permission is as far away as what it lacks; another access of the interface gives that.
                different = wanted.permissions - permissions or permissions - wanted.permissions
                distance += weights.sum(wanted.object_class, different) - weight
        if self._writes and not weights.writes(wanted.object_class, wanted.permissions):
            distance += _WRITES
        return distance

    def _weigh(self) -> None:
        """Sum up what the interface gives altogether, as if all of it were about other types and classes."""
        accesses, weights = self._interface.accesses, self._weights
        self._given = {
            each[:3]: (each.permissions, weights.sum(each.object_class, each.permissions)) for each in accesses
        }
        columns = zip(*self._given, strict=True)
        self._names = tuple(Counter([name for name in column if not is_parameter(name)]) for column in columns)
        self._everything = sum([weight for _, weight in self._given.values()])
        self._everything += _OTHER_NAME * sum([names.total() for names in self._names])
        self._writes = any(weights.writes(each.object_class, each.permissions) for each in accesses)

    def call(self, wanted: InterfaceAccess) -> InterfaceCall:
        """Return how the interface is called for what is wanted."""
        names = {SOURCE: wanted.source, TARGET: wanted.target, OBJECT_CLASS: wanted.object_class}
        return InterfaceCall(self._interface.name, names[self._interface.parameters[_ONLY]])
