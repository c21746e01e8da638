"""Contexts, and the symbols whose numbers they and other sections have."""

from collections.abc import Sequence

from selbox.binary.cursor import Cursor
from selbox.binary.kernel.levels import range_bytes, read_range
from selbox.binary.kernel.output import u32s
from selbox.model.context import Context
from selbox.model.mls import Level, LevelRange
from selbox.model.symbols import Role, Sensitivity, User
from selbox.typing import Final, NamedTuple

_USUAL_SIZE: Final = 32
"""Bytes of a context whose range is one level without categories. Labels of ports and files repeat a few of these."""


class Symbols(NamedTuple):
    """The symbols of a policy, to check numbers and contexts against.

    Attributes:
        users, roles, sensitivities: the tables.
        types, classes, categories: lengths of the tables.
        attributes: bitset of the ids of attributes, which no context may have.
        mls: as in :class:`Policy`.
        known: contexts of one level without categories that have been read and found valid, by their bytes.
    """

    users: Sequence[User]
    roles: Sequence[Role]
    sensitivities: Sequence[Sensitivity]
    types: int
    classes: int
    categories: int
    attributes: int
    mls: bool
    known: dict[bytes, Context]

    def has_level(self, level: Level) -> bool:
        """Tell whether a level exists, and its sensitivity may have its categories."""
        if not self.mls:
            return True
        if level.sensitivity >= len(self.sensitivities):
            return False
        return not level.categories & ~self.sensitivities[level.sensitivity].categories

    def has_range(self, level_range: LevelRange) -> bool:
        """Tell whether a range's levels exist, and the high one dominates the low one."""
        return self.has_level(level_range.low) and self.has_level(level_range.high) and level_range.is_ordered


def read_context(cursor: Cursor, symbols: Symbols) -> Context:
    """Read a context.

    Raises:
        SelboxError: ``binary-corrupt`` when its parts do not exist, or may not stand together, as in the kernel.

    Source: ``policydb_context_isvalid`` and ``mls_context_isvalid`` of the kernel.
    """
    start = cursor.offset
    content = cursor.data[start : start + _USUAL_SIZE]
    known = symbols.known.get(content)
    if known is not None:
        cursor.offset = start + _USUAL_SIZE
        return known
    user_number, role_number, type_number = cursor.u32s(3)
    users, roles = symbols.users, symbols.roles
    if not (1 <= user_number <= len(users) and 1 <= role_number <= len(roles) and 1 <= type_number <= symbols.types):
        cursor.corrupt(
            f"a context has user {user_number} of {len(users)}, role {role_number} of {len(roles)}, "
            f"type {type_number} of {symbols.types}",
            start,
        )
    context = Context(user_number - 1, role_number - 1, type_number - 1, read_range(cursor, mls=symbols.mls))
    problem = _problem(context, symbols)
    if problem:
        cursor.corrupt(f"a context is not valid: {problem}", start)
    if cursor.offset == start + _USUAL_SIZE:
        symbols.known[content] = context
    return context


def _problem(context: Context, symbols: Symbols) -> str:
    """Return why a context's parts may not stand together; empty where they may."""
    user, role = symbols.users[context.user], symbols.roles[context.role]
    if symbols.attributes >> context.type & 1:
        return f"type number {context.type + 1} is an attribute"
    if context.role:  # the first role, object_r, goes with every user and type
        if not role.types >> context.type & 1:
            return f"role `{role.name}` may not have type number {context.type + 1}"
        if not user.roles >> context.role & 1:
            return f"user `{user.name}` may not have role `{role.name}`"
    if not symbols.mls:
        return ""
    if not symbols.has_range(context.range):
        return "its range does not exist"
    return "" if user.range.contains(context.range) else f"its range is not within that of user `{user.name}`"


def context_bytes(context: Context, mls: bool) -> bytes:
    """Return a context."""
    return u32s(context.user + 1, context.role + 1, context.type + 1) + range_bytes(context.range, mls)
