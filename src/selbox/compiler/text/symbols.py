"""What both writers ask of the symbols of a policy."""

from collections.abc import Iterable, Iterator, Sequence

from selbox.binary.kernel.output import HOLE, is_hole
from selbox.model.bitset import members
from selbox.model.objectclass import Common, DefaultFrom, DefaultRange, ObjectClass
from selbox.model.policy import Policy
from selbox.typing import Protocol, TypeVar


class Named(Protocol):
    """A symbol of a policy."""

    @property
    def name(self) -> str:
        """Its name."""


class Aliased(Named, Protocol):
    """A symbol that may have further names."""

    @property
    def aliases(self) -> tuple[str, ...]:
        """The further names."""


_Symbol = TypeVar("_Symbol", bound=Named)


def declared(symbols: Iterable[_Symbol]) -> list[_Symbol]:
    """Return the symbols that have names: a binary policy may hold numbers that nothing is declared for."""
    found = list(symbols)
    if HOLE not in "".join([each.name for each in found]):
        return found
    return [each for each in found if not is_hole(each.name)]


def permission_names(object_class: ObjectClass, vector: int) -> list[str]:
    """Return the names of the permissions in an access vector, in bit order, but for bits that have none."""
    permissions = object_class.permissions
    names = [permissions[bit] for bit in members(vector & (1 << len(permissions)) - 1)]
    return [name for name in names if not is_hole(name)]


class SortedNames:
    """Names in their order, of which sets are asked for.

    Args:
        names: by id.

    Attributes:
        ids: in the order of their names.
        all: all of them, sorted.
        places: where each stands among these, by id.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.ids = sorted(range(len(names)), key=names.__getitem__)
        self.all = [names[index] for index in self.ids]
        self.places = [0] * len(names)
        for place, index in enumerate(self.ids):
            self.places[index] = place

    def of(self, ids: int) -> list[str]:
        """Return the names of a bitset of ids, sorted; numbers are sorted more quickly than names."""
        return [self.all[place] for place in sorted([self.places[each] for each in members(ids)])]


def sorted_aliases(symbols: Iterable[Aliased]) -> list[tuple[str, str]]:
    """Return every alias with the name that it stands for, sorted."""
    return sorted((alias, symbol.name) for symbol in symbols for alias in symbol.aliases)


def commons_in_order(policy: Policy) -> list[Common]:
    """Return the commons in the order in which classes use them, then those that no class uses."""
    by_name = {common.name: common for common in declared(policy.commons)}
    used = dict.fromkeys(each.common for each in policy.classes if each.common in by_name)
    return [by_name[name] for name in dict.fromkeys([*used, *by_name]) if name is not None]


def own_permissions(policy: Policy, object_class: ObjectClass) -> list[str]:
    """Return the permissions that a class has beside those of its common."""
    shared = next((len(each.permissions) for each in policy.commons if each.name == object_class.common), 0)
    return [name for name in object_class.permissions[shared:] if not is_hole(name)]


def default_settings(policy: Policy) -> Iterator[tuple[str, str, str]]:
    """Iterate over the defaults of classes: which part of a context, the class's name, whose part it is."""
    for object_class in policy.classes:
        if object_class.default_user is not DefaultFrom.UNSPECIFIED:
            yield "user", object_class.name, object_class.default_user.value
    for object_class in policy.classes:
        if object_class.default_role is not DefaultFrom.UNSPECIFIED:
            yield "role", object_class.name, object_class.default_role.value
    for object_class in policy.classes:
        if object_class.default_type is not DefaultFrom.UNSPECIFIED:
            yield "type", object_class.name, object_class.default_type.value
    for object_class in policy.classes:
        if object_class.default_range is not DefaultRange.UNSPECIFIED:
            yield "range", object_class.name, object_class.default_range.value
