"""The security context as ids of one policy. Its text form is made and read by ``selbox.model.context_text``."""

from selbox.model.mls import LOWEST, LevelRange
from selbox.typing import NamedTuple


class Context(NamedTuple):
    """A security context ``user:role:type:range``.

    Attributes:
        user: index into ``Policy.users``.
        role: index into ``Policy.roles``.
        type: index into ``Policy.types``; never an attribute.
        range: low and high level; the lowest level twice in a policy without MLS.
    """

    user: int
    role: int
    type: int
    range: LevelRange = LevelRange(LOWEST, LOWEST)
