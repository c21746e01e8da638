"""What sections are made of: the version, sets, levels, and what a version cannot say.

Source: ``type_set_write``, ``role_set_write``, ``mls_write_semantic_level_helper`` of libsepol's ``write.c``.
"""

from collections.abc import Sequence

from selbox.binary.ebitmap import ebitmap_bytes
from selbox.binary.kernel.output import u32s
from selbox.binary.modulesections.values import ContextLevel, RoleSet, SemanticLevel, TypeSet
from selbox.diagnostics import Diagnostics, SelboxError


class ModuleForm:
    """How a module is written.

    Args:
        version: version of the format.
        is_base: whether it is a base module.
        type_sets: those that rules refer to.
        permission_lists: likewise.
        diagnostics: takes warnings about what the version cannot say and what decides nothing.

    Attributes:
        version, is_base, permission_lists: as given.
    """

    def __init__(
        self,
        version: int,
        is_base: bool,
        type_sets: Sequence[TypeSet],
        permission_lists: Sequence[tuple[tuple[int, int], ...]],
        diagnostics: Diagnostics,
    ) -> None:
        self.version = version
        self.is_base = is_base
        self.permission_lists = permission_lists
        self._type_sets = [type_set_bytes(each) for each in type_sets]
        self._permissions: dict[int, bytes] = {}
        self._diagnostics = diagnostics

    def type_set(self, index: int) -> bytes:
        """Return the set of types that rules refer to by ``index``."""
        return self._type_sets[index]

    def permissions(self, index: int) -> bytes:
        """Return the list of permissions that rules refer to by ``index``."""
        known = self._permissions.get(index)
        if known is None:
            pairs = self.permission_lists[index]
            known = self._permissions[index] = u32s(len(pairs), *(value for pair in pairs for value in pair))
        return known

    def need(self, version: int, what: str) -> None:
        """Refuse to write what the version has no place for, and what decides.

        Args:
            version: the first version that has.
            what: what it is, as in "it has …".

        Raises:
            SelboxError: ``binary-unwritable``.
        """
        if self.version < version:
            raise SelboxError.of(
                "binary-unwritable",
                f"version {self.version} of the module format cannot say {what}",
                help=f"write version {version} or a later one",
            )

    def drop(self, version: int, what: str) -> bool:
        """Tell whether the version has no place for what may be left out, and warn of that."""
        if self.version >= version:
            return False
        self._diagnostics.warning(
            "binary-dropped",
            f"version {self.version} of the module format cannot say {what}, which is left out",
            help=f"version {version} can",
        )
        return True


def type_set_bytes(types: TypeSet) -> bytes:
    """Return a set of types as a rule names it."""
    return ebitmap_bytes(types.types) + ebitmap_bytes(types.excluded) + u32s(types.flags)


def role_set_bytes(roles: RoleSet) -> bytes:
    """Return a set of roles as a rule names it."""
    return ebitmap_bytes(roles.roles) + u32s(roles.flags)


def level_bytes(level: SemanticLevel) -> bytes:
    """Return a level as its author wrote it. libsepol puts each range before those that it has read."""
    ranges = (value for pair in reversed(level.categories) for value in pair)
    return u32s(level.sensitivity, len(level.categories), *ranges)


def range_bytes(low: ContextLevel, high: ContextLevel) -> bytes:
    """Return a low and a high level; only one where they are the same."""
    levels = (low,) if low == high else (low, high)
    numbers = u32s(len(levels), *(each.sensitivity for each in levels))
    return numbers + b"".join([ebitmap_bytes(each.categories) for each in levels])


def context_level(level: SemanticLevel) -> ContextLevel:
    """Return a level with its categories as a set."""
    categories = 0
    for first, last in level.categories:
        if first <= last:
            categories |= (1 << last) - (1 << first - 1)
    return ContextLevel(level.sensitivity, categories)
