"""The named things of a policy: types and attributes, roles, users, booleans, levels."""

from selbox.model.mls import Level, LevelRange
from selbox.typing import NamedTuple


class Type(NamedTuple):
    """A type or a type attribute; both share one space of ids, as in the kernel's policy.

    Attributes:
        name: the name that is written in contexts and rules.
        is_attribute: whether it stands for a set of types and may not appear in a context.
        types: for an attribute, the bitset of its types; for a type, just itself.
        aliases: further names of a type.
        permissive: whether denials of this type as source are recorded but not enforced (``typepermissive``).
        bounds: id of the type that bounds this one (``typebounds``), or None.
        neveraudit: whether nothing that this type does as source is ever recorded (``typeneveraudit``).
    """

    name: str
    is_attribute: bool
    types: int
    aliases: tuple[str, ...] = ()
    permissive: bool = False
    bounds: int | None = None
    neveraudit: bool = False


class Role(NamedTuple):
    """A role.

    Attributes:
        name: the role's name; ``object_r`` is always id 0 and is valid with every user and type.
        types: bitset of type ids (never attributes) that may appear with it in a context.
        bounds: id of the bounding role, or None.
        dominates: bitset of the ids of the roles that it dominates in constraints: itself and, by the old ``dominance``
            statement of the policy language, further ones. Nothing for ``object_r`` in what ``secilc`` writes.
    """

    name: str
    types: int
    bounds: int | None = None
    dominates: int = 0


class User(NamedTuple):
    """An SELinux user.

    Attributes:
        name: the user's name.
        roles: bitset of role ids that it may take.
        default_level: level at login.
        range: the clearance; every context of the user lies within it.
        bounds: id of the bounding user, or None.
        prefix: what stands for ``ROLE`` in labels of home directories (``userprefix``); None when not given.
    """

    name: str
    roles: int
    default_level: Level
    range: LevelRange
    bounds: int | None = None
    prefix: str | None = None


class Login(NamedTuple):
    """Which SELinux user and range someone gets who logs in (``selinuxuser``); a matter of user space alone.

    Attributes:
        name: a Linux user's name, or ``__default__`` for all others (``selinuxuserdefault``).
        user: user id.
        range: the range of the login.
    """

    name: str
    user: int
    range: LevelRange


class Boolean(NamedTuple):
    """A policy boolean with the value that it has when the policy is loaded."""

    name: str
    default: bool


class Sensitivity(NamedTuple):
    """A sensitivity; its id is its place in the dominance order.

    Attributes:
        name: such as ``s0``.
        categories: bitset of the categories that may be used with it.
        aliases: further names.
    """

    name: str
    categories: int
    aliases: tuple[str, ...] = ()


class Category(NamedTuple):
    """A category; its id is its place in the category order."""

    name: str
    aliases: tuple[str, ...] = ()
