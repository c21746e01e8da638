"""Roles and users of a policy that is put together again, and rules about roles: all of them are made anew."""

from collections.abc import Iterable, Sequence
from functools import cached_property

from selbox.compiler.finalids import FinalIds
from selbox.compiler.moving import Moved
from selbox.compiler.namespace import Symbol
from selbox.compiler.renewal import Order, Parts, declaration_order
from selbox.compiler.rereading import GiveUpError
from selbox.model.bitset import members
from selbox.model.mls import LOWEST, LevelRange
from selbox.model.rules import RoleAllow
from selbox.model.symbols import Role, User
from selbox.typing import NamedTuple

_OBJECT_ROLE = 0
"""The id of the role of objects, which everyone may take."""


class RoleTransitionFact(NamedTuple):
    """A statement about a role's transition, for one role.

    Attributes:
        order: what the statement sorts by.
        source, result: final ids of roles.
        target: a type or attribute; object_class: id.
    """

    order: Order
    source: int
    target: int
    object_class: int
    result: int


class RelinkedIdentities:
    """Roles and users.

    Args:
        parts: what the policy is put together from.
        final: its ids of types.

    Attributes:
        roles, users: final ids by those of the names that were read again; -1 for what is declared no more.
        are_renumbered: whether a role or user has another id than it had.
    """

    def __init__(self, parts: Parts, final: FinalIds) -> None:
        self._parts = parts
        self._baseline = parts.baseline
        self._names = parts.reread.names
        self._identities = parts.reread.resolution.identities
        self._final = final
        names, program = self._baseline.names, parts.reread.program
        roles = declaration_order(parts, [place for _, place in names.roles], program.declared("role"))
        self._roles = [_OBJECT_ROLE, *(each for each in roles if each != _OBJECT_ROLE)]
        self._users = declaration_order(parts, [place for _, place in names.users], program.declared("user"))
        self.roles = _places(self._roles, len(self._names.role_names))
        self.users = _places(self._users, len(self._names.user_names))
        earlier = list(range(len(names.roles))), list(range(len(names.users)))
        self.are_renumbered = (self._roles, self._users) != earlier
        self._moved = Moved(self._roles)

    def is_as_it_was(self, types_are_same: bool) -> bool:
        """Tell whether the table of roles is; ``types_are_same`` whether types have their ids still."""
        role_types = self._identities.role_types
        return types_are_same and not self.are_renumbered and role_types == self._baseline.groups.role_types

    def table_of_roles(self) -> tuple[Role, ...]:
        """Return the roles."""
        types = self._identities.role_types
        return tuple(
            Role(self._names.role_names[old], self._final.bits(types.get(old, 0)), None, 1 << new if new else 0)
            for new, old in enumerate(self._roles)
        )

    def table_of_users(self) -> tuple[User, ...]:
        """Return the users."""
        identities, mls = self._identities, self._baseline.written.mls
        made = []
        for old in self._users:
            roles = self._moved.bits(identities.user_roles.get(old, 0)) & ~(1 << _OBJECT_ROLE)
            level, clearance = LOWEST, LevelRange(LOWEST, LOWEST)
            if mls:
                level, clearance = identities.user_levels[old], identities.user_ranges[old]
            made.append(User(self._names.user_names[old], roles, level, clearance))
        return tuple(made)

    def bits(self, table: str, names: Iterable[str]) -> int:
        """Return the final ids of the roles or users that a constraint names.

        Raises:
            GiveUpError: users are named by an attribute.
        """
        found = 0
        for name in names:
            symbol = self._parts.reread.program.root.own(table, name)
            if symbol is None:
                raise GiveUpError
            found |= self._bits_of(symbol) if table == "role" else 1 << self.users[symbol.id]
        return found

    def _bits_of(self, role: Symbol) -> int:
        return self._moved.bits(self._identities.roles.bits(role))

    def _role(self, name: str) -> Symbol:
        symbol = self._parts.reread.program.root.own("role", name)
        if symbol is None:
            raise GiveUpError
        return symbol

    # Rules about roles

    @cached_property
    def role_allows(self) -> tuple[RoleAllow, ...]:
        """Which role may become which other."""
        found: list[tuple[Order, Symbol, Symbol]] = [
            ((2 * place + 1, ()), self._role(source), self._role(target))
            for source, target, _, _, place in self._baseline.rules.role_rules
            if isinstance(target, str) and not self._parts.gone(place)
        ]
        tables = self._parts.reread.resolution.rules
        found += [
            (self._parts.order_of(origin), source, target)
            for source, target, class_id, _, origin in tables.role_rules
            if class_id < 0
        ]
        found.sort(key=lambda each: each[0])
        return tuple(
            RoleAllow(one, other)
            for _, source, target in found
            for one in members(self._bits_of(source))
            for other in members(self._bits_of(target))
        )

    @cached_property
    def role_transitions(self) -> list[RoleTransitionFact]:
        """Which roles processes take when they execute what, as far as statements say so: in their order."""
        found: list[tuple[Order, Symbol, int, int, int]] = [
            ((2 * place + 1, ()), self._role(source), target, class_id, result)
            for source, target, class_id, result, place in self._baseline.rules.role_rules
            if isinstance(target, int) and not self._parts.gone(place)
        ]
        tables = self._parts.reread.resolution.rules
        found += [
            (self._parts.order_of(origin), source, target.id, class_id, result)
            for source, target, class_id, result, origin in tables.role_rules
            if class_id >= 0
        ]
        found.sort(key=lambda each: each[0])
        return [
            RoleTransitionFact(order, each, target, class_id, self.roles[result])
            for order, source, target, class_id, result in found
            for each in members(self._bits_of(source))
        ]

    # What a whole compilation has to tell of

    def check(self) -> None:
        """Give up where a user lacks a level or a clearance, has two, or one that does not go with the other."""
        groups, program = self._baseline.groups, self._parts.reread.program
        declared = program.symbols.get("user")
        if groups.are_users_grouped and (
            declared or any(self._parts.gone(place) for _, place in self._baseline.names.users)
        ):
            raise GiveUpError
        for keyword, earlier in (("userlevel", groups.user_levels), ("userrange", groups.user_ranges)):
            named = [program.resolve("user", form, place, 1).name for form, place in program.live(keyword)]
            named += [each[0] for each in earlier if not self._parts.gone(each[-1])]
            if len(set(named)) < len(named):
                raise GiveUpError
        if not self._baseline.written.mls:
            return
        identities = self._identities
        levels = {name: level for name, level, _ in groups.user_levels}
        ranges = {name: clearance for name, clearance, _ in groups.user_ranges}
        for user in self._users:
            level, clearance = identities.user_levels.get(user), identities.user_ranges.get(user)
            if level is None or clearance is None:
                raise GiveUpError
            name = self._names.user_names[user]
            is_known = levels.get(name) == level and ranges.get(name) == clearance
            if not is_known and not clearance.contains(LevelRange(level, level)):
                raise GiveUpError


def _places(order: Sequence[int], count: int) -> list[int]:
    """Return where each of a number of ids stands in an order; -1 for one that does not."""
    places = [-1] * count
    for new, old in enumerate(order):
        places[old] = new
    return places
