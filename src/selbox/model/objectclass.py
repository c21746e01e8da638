"""Object classes and their permissions."""

from enum import Enum

from selbox.typing import NamedTuple


class DefaultFrom(Enum):
    """Whose user, role or type a new object takes when no rule says otherwise."""

    UNSPECIFIED = "unspecified"
    SOURCE = "source"
    TARGET = "target"


class DefaultRange(Enum):
    """Whose range, and which part of it, a new object takes (``defaultrange``)."""

    UNSPECIFIED = "unspecified"
    SOURCE_LOW = "source low"
    SOURCE_HIGH = "source high"
    SOURCE_LOW_HIGH = "source low-high"
    TARGET_LOW = "target low"
    TARGET_HIGH = "target high"
    TARGET_LOW_HIGH = "target low-high"
    GLBLUB = "glblub"


class Common(NamedTuple):
    """Permissions that several classes share, in bit order."""

    name: str
    permissions: tuple[str, ...]


class ObjectClass(NamedTuple):
    """A class of objects.

    Attributes:
        name: as policy writes it, such as ``file``.
        common: name of the common whose permissions it inherits, or None.
        permissions: every permission in bit order: bit ``n`` of an access vector is ``permissions[n]``; those of
            the common come first. At most 32.
        default_user: whose user a new object takes.
        default_role: whose role.
        default_type: whose type.
        default_range: whose range.
    """

    name: str
    common: str | None
    permissions: tuple[str, ...]
    default_user: DefaultFrom = DefaultFrom.UNSPECIFIED
    default_role: DefaultFrom = DefaultFrom.UNSPECIFIED
    default_type: DefaultFrom = DefaultFrom.UNSPECIFIED
    default_range: DefaultRange = DefaultRange.UNSPECIFIED

    def vector(self, names: "tuple[str, ...] | list[str]") -> int:
        """Return the access vector of named permissions.

        Raises:
            ValueError: when a name is not a permission of this class.
        """
        result = 0
        for name in names:
            result |= 1 << self.permissions.index(name)
        return result

    def names(self, vector: int) -> tuple[str, ...]:
        """Return the names of the permissions in an access vector, in bit order."""
        return tuple(name for bit, name in enumerate(self.permissions) if vector >> bit & 1)
