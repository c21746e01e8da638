"""Differences of what policies have names for: classes, types, roles, users, booleans, sensitivities and categories.

Source: ``setools/diff``: ``commons.py``, ``objclass.py``, ``bool.py``, ``roles.py``, ``types.py``, ``typeattr.py``,
``users.py``, ``mls.py``.
"""

from collections.abc import Callable, Mapping, Sequence

from selbox.analysis.differences.section import Change, Part, Section
from selbox.analysis.differences.side import Side
from selbox.analysis.ruletext import level_text, range_text
from selbox.binary.kernel.output import is_hole
from selbox.model.bitset import members
from selbox.model.policy import Policy
from selbox.typing import Final, NamedTuple, TypeVar

_Facts = TypeVar("_Facts")

_WITHOUT_LEVELS: Final = "None (MLS Disabled)"
"""What stands for the level of a user in a policy that has none."""


def common_section(left: Side, right: Side) -> Section:
    """Return the differences of the permissions that classes have in common."""
    sides = [{each.name: frozenset(each.permissions) for each in policy.commons} for policy, _ in (left, right)]
    return _permissions("common", "Commons", sides)


def class_section(left: Side, right: Side) -> Section:
    """Return the differences of classes, with the permissions that they inherit."""
    sides = [{each.name: frozenset(each.permissions) for each in policy.classes} for policy, _ in (left, right)]
    return _permissions("class", "Classes", sides)


def boolean_section(left: Side, right: Side) -> Section:
    """Return the differences of booleans and of their values."""
    sides = [{each.name: each.default for each in policy.booleans} for policy, _ in (left, right)]

    def change(name: str, before: bool, after: bool) -> Change | None:
        if before == after:
            return None
        return Change(name, f"{name} (Modified default state)", (Part("", (str(after),), (str(before),)),))

    return _section("bool", "Booleans", sides, change)


def role_section(left: Side, right: Side) -> Section:
    """Return the differences of roles and of the types that go with them."""
    sides = [_roles(policy) for policy, _ in (left, right)]

    def change(name: str, before: frozenset[str], after: frozenset[str]) -> Change | None:
        return _set_change(name, "types", before, after)

    return _section("role", "Roles", sides, change)


def _roles(policy: Policy) -> dict[str, frozenset[str]]:
    """Return the types of each role; those of ``object_r``, which goes with every type, are what the file has."""
    types = [each.types for each in policy.roles]
    if types:
        types[0] = policy.binary_form.object_role_types if policy.binary_form is not None else 0
    named = ((each.name, its) for each, its in zip(policy.roles, types, strict=True) if not is_hole(each.name))
    return {name: _type_names(policy, its) for name, its in named}


def attribute_section(left: Side, right: Side) -> Section:
    """Return the differences of type attributes and of their types."""
    sides = [
        {each.name: _type_names(policy, each.types) for each in policy.types if each.is_attribute}
        for policy, _ in (left, right)
    ]

    def change(name: str, before: frozenset[str], after: frozenset[str]) -> Change | None:
        return _set_change(name, "types", before, after)

    return _section("attribute", "Type Attributes", sides, change)


def type_section(left: Side, right: Side) -> Section:
    """Return the differences of types: their attributes, their aliases, and whether they are permissive."""
    sides = [
        {
            each.name: _TypeFacts(attributes, frozenset(each.aliases), each.permissive)
            for each, attributes in zip(policy.types, _attributes(policy), strict=True)
            if not each.is_attribute
        }
        for policy, _ in (left, right)
    ]
    return _section("type", "Types", sides, _type_change)


class _TypeFacts(NamedTuple):
    attributes: frozenset[str]
    aliases: frozenset[str]
    permissive: bool


def _type_change(name: str, before: _TypeFacts, after: _TypeFacts) -> Change | None:
    if before == after:
        return None
    attributes = Part("Attributes", *_both_ways(before.attributes, after.attributes))
    aliases = Part("Aliases", *_both_ways(before.aliases, after.aliases))
    words = [*_counted(attributes, "attributes"), *_counted(aliases, "aliases")]
    if before.permissive != after.permissive:
        words.append("Removed permissive" if before.permissive else "Added permissive")
    parts = tuple(each for each in (attributes, aliases) if each.added or each.removed)
    return Change(name, f"{name} ({', '.join(words)})", parts)


def _attributes(policy: Policy) -> list[frozenset[str]]:
    """Return the names of each type's attributes, by its id."""
    found: list[list[str]] = [[] for _ in policy.types]
    for each in policy.types:
        if each.is_attribute:
            for index in members(each.types):
                found[index].append(each.name)
    return [frozenset(each) for each in found]


class _UserFacts(NamedTuple):
    roles: frozenset[str]
    level: str
    range: str


def user_section(left: Side, right: Side) -> Section:
    """Return the differences of users: their roles, default levels and ranges."""
    return _section("user", "Users", [_users(left), _users(right)], _user_change)


def _users(side: Side) -> dict[str, _UserFacts]:
    policy, catalogue = side
    names = [each.name for each in policy.roles]
    return {
        each.name: _UserFacts(
            frozenset(names[role] for role in members(each.roles)),
            level_text(catalogue, each.default_level) if policy.mls else _WITHOUT_LEVELS,
            range_text(catalogue, *each.range) if policy.mls else _WITHOUT_LEVELS,
        )
        for each in policy.users
    }


def _user_change(name: str, before: _UserFacts, after: _UserFacts) -> Change | None:
    if before == after:
        return None
    parts = [Part("Roles", *_both_ways(before.roles, after.roles))]
    words = [*_counted(parts[0], "roles")]
    for heading, old, new in (("Default level", before.level, after.level), ("Range", before.range, after.range)):
        if old != new:
            words.append(f"Modified {heading.lower()}")
            parts.append(Part(heading, (new,), (old,)))
    return Change(name, f"{name} ({', '.join(words)})", tuple(each for each in parts if each.added or each.removed))


def category_section(left: Side, right: Side) -> Section:
    """Return the differences of categories and of their aliases."""
    sides = [
        {each.name: frozenset(each.aliases) for each in policy.categories} if policy.mls else {}
        for policy, _ in (left, right)
    ]
    return _section("category", "Categories", sides, _alias_change)


def sensitivity_section(left: Side, right: Side) -> Section:
    """Return the differences of sensitivities and of their aliases."""
    sides = [
        {each.name: frozenset(each.aliases) for each in policy.sensitivities} if policy.mls else {}
        for policy, _ in (left, right)
    ]
    return _section("sensitivity", "Sensitivities", sides, _alias_change)


def _alias_change(name: str, before: frozenset[str], after: frozenset[str]) -> Change | None:
    return _set_change(name, "Aliases", before, after, heading="Aliases")


def level_section(left: Side, right: Side) -> Section:
    """Return the differences of which categories go with which sensitivity."""

    def change(name: str, before: frozenset[str], after: frozenset[str]) -> Change | None:
        return _set_change(name, "Categories", before, after)

    section = _section("level", "Levels", [_levels(left), _levels(right)], change)
    added, removed = (
        [_level_statement(side, name) for name in names]
        for side, names in ((right, section.added), (left, section.removed))
    )
    return section._replace(added=added, removed=removed)


def _levels(side: Side) -> dict[str, frozenset[str]]:
    policy = side.policy
    names = [each.name for each in policy.categories]
    if not policy.mls:
        return {}
    return {
        each.name: frozenset(names[category] for category in members(each.categories)) for each in policy.sensitivities
    }


def _level_statement(side: Side, name: str) -> str:
    index = side.policy.sensitivity_ids[name]
    return level_text(side.catalogue, (index, side.policy.sensitivities[index].categories))


def _permissions(kind: str, title: str, sides: Sequence[Mapping[str, frozenset[str]]]) -> Section:
    def change(name: str, before: frozenset[str], after: frozenset[str]) -> Change | None:
        return _set_change(name, "permissions", before, after)

    return _section(kind, title, sides, change)


def _section(
    kind: str,
    title: str,
    sides: Sequence[Mapping[str, _Facts]],
    change: Callable[[str, _Facts, _Facts], Change | None],
) -> Section:
    """Compare what two policies say of names, the left one first."""
    left, right = sides
    changes = (change(name, left[name], right[name]) for name in sorted(left.keys() & right.keys()))
    return Section(
        kind,
        title,
        title,
        sorted(right.keys() - left.keys()),
        sorted(left.keys() - right.keys()),
        [each for each in changes if each is not None],
    )


def _set_change(
    name: str, what: str, before: frozenset[str], after: frozenset[str], heading: str = ""
) -> Change | None:
    if before == after:
        return None
    part = Part(heading, *_both_ways(before, after))
    return Change(name, f"{name} ({', '.join(_counted(part, what))})", (part,))


def _both_ways(before: frozenset[str], after: frozenset[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(sorted(after - before)), tuple(sorted(before - after))


def _counted(part: Part, what: str) -> list[str]:
    counts = ((part.added, "Added"), (part.removed, "Removed"))
    return [f"{len(names)} {word} {what}" for names, word in counts if names]


def _type_names(policy: Policy, types: int) -> frozenset[str]:
    return frozenset(policy.types[index].name for index in members(types))
