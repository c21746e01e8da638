"""Criteria of queries: what a search is for, as values. What they match in one catalogue is found by ``matching``."""

from selbox.typing import Literal, NamedTuple

How = Literal["any", "equal", "subset"]
"""Whether a rule has any of the names, exactly these, or these and perhaps more."""


class NameCriterion(NamedTuple):
    """A type, attribute or role, or a pattern of their names.

    Attributes:
        name: the name, or with ``is_pattern`` a regular expression, which is searched for in names.
        is_pattern: see ``name``.
        indirect: whether an attribute in a rule is matched by its types, and an attribute that is asked for stands for
            its types; else names are matched as they stand in the rule.
    """

    name: str
    is_pattern: bool = False
    indirect: bool = True


class ClassCriterion(NamedTuple):
    """Object classes: names, or one regular expression where ``is_pattern``."""

    names: tuple[str, ...]
    is_pattern: bool = False


class PermissionCriterion(NamedTuple):
    """Permissions by their names."""

    names: tuple[str, ...]
    how: How = "any"


class ExtendedPermissionCriterion(NamedTuple):
    """Extended permissions, as ranges of numbers from 0 to 65535, both ends included; ``how`` is any or equal."""

    ranges: tuple[tuple[int, int], ...]
    how: How = "any"


class BooleanCriterion(NamedTuple):
    """Booleans of a condition: names, or one regular expression where ``is_pattern``; ``how`` is any or equal."""

    names: tuple[str, ...]
    is_pattern: bool = False
    how: How = "any"
