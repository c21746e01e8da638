"""What a module with the rules that a log calls for requires."""

from collections.abc import Iterable

from selbox.analysis.deniedrules import SELF, DeniedRule
from selbox.typing import NamedTuple


class Requirements(NamedTuple):
    """Names that a module refers to and does not declare itself, sorted.

    Attributes:
        types: names of types.
        classes: the permissions of each class.
        roles: names of roles.
    """

    types: tuple[str, ...]
    classes: dict[str, tuple[str, ...]]
    roles: tuple[str, ...]


def requirements(
    rules: Iterable[DeniedRule], role_types: Iterable[tuple[str, tuple[str, ...]]], types: Iterable[str] = ()
) -> Requirements:
    """Return what is required by rules, by roles with the types that they get, and by further names of types."""
    all_types = set(types)
    classes: dict[str, set[str]] = {}
    roles: set[str] = set()
    for rule in rules:
        all_types.update((rule.source, rule.target))
        classes.setdefault(rule.object_class, set()).update(rule.permissions)
    for role, of_role in role_types:
        roles.add(role)
        all_types.update(of_role)
    all_types.discard(SELF)
    return Requirements(
        tuple(sorted(all_types)),
        {each: tuple(sorted(classes[each])) for each in sorted(classes)},
        tuple(sorted(roles)),
    )


def number_permission(rule: DeniedRule) -> str:
    """Return the permission that the extended permissions of a rule are about; empty where there is none."""
    if not rule.numbers:
        return ""
    return next((each for each in ("nlmsg", "ioctl") if each in rule.permissions), "")
