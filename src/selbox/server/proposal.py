"""What would allow a denied access: values that commands turn into words."""

from selbox.model.context import Context
from selbox.server.decision import ExtendedBase
from selbox.typing import NamedTuple


class AddRule(NamedTuple):
    """An ``allow`` rule that is missing: two type ids, a class id and an access vector."""

    source: int
    target: int
    object_class: int
    permissions: int


class SetBooleans(NamedTuple):
    """Booleans that are to be set otherwise: ids with their new values."""

    values: tuple[tuple[int, bool], ...]


class ChangeSource(NamedTuple):
    """Another context for the subject."""

    context: Context


class ChangeTarget(NamedTuple):
    """Another context, such as another label, for the object."""

    context: Context


class AddRoleAllow(NamedTuple):
    """A ``roleallow`` rule that is missing: two role ids."""

    source: int
    target: int


class AddToAttribute(NamedTuple):
    """A type that is to be in an attribute which a constraint makes an exception for: both are type ids."""

    type: int
    attribute: int


class AddExtendedRule(NamedTuple):
    """An ``allowx`` rule that is missing: two type ids, a class id, the base permission, and the number."""

    source: int
    target: int
    object_class: int
    base: ExtendedBase
    number: int


Change = AddRule | AddExtendedRule | SetBooleans | ChangeSource | ChangeTarget | AddRoleAllow | AddToAttribute


class Proposal(NamedTuple):
    """Changes that together allow all that was asked for; the evaluation that decides has said so.

    Attributes:
        changes: in the order in which they were found to be needed; at least one.
    """

    changes: tuple[Change, ...]
