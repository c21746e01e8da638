"""Compares two policies, kind by kind.

::

    for section in compare(old, new, ["bool", "allow"]):
        print(section.title, len(section.added), len(section.removed), len(section.modified))
"""

from collections.abc import Callable, Collection, Iterator
from functools import cached_property, partial

from selbox.analysis.differences import labels, settings, symbols
from selbox.analysis.differences.extendedrules import extended_section
from selbox.analysis.differences.numbering import Numbering
from selbox.analysis.differences.section import Section
from selbox.analysis.differences.side import Side
from selbox.analysis.differences.typerules import (
    range_transition_section,
    role_allow_section,
    role_transition_section,
    type_section,
)
from selbox.typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from selbox.analysis.differences.accessarrays import AccessComparison

_SIMPLE: Final[dict[str, Callable[[Side, Side], Section]]] = {
    "property": settings.property_section,
    "common": symbols.common_section,
    "class": symbols.class_section,
    "bool": symbols.boolean_section,
    "role": symbols.role_section,
    "type": symbols.type_section,
    "attribute": symbols.attribute_section,
    "user": symbols.user_section,
    "category": symbols.category_section,
    "sensitivity": symbols.sensitivity_section,
    "level": symbols.level_section,
    "netifcon": labels.interface_section,
    "polcap": settings.capability_section,
    "default": settings.default_section,
    "typebounds": settings.bounds_section,
    **{kind: partial(settings.constraint_section, kind) for kind in settings.CONSTRAINT_KINDS},
    **{kind: partial(labels.label_section, kind) for kind in labels.LABEL_KINDS},
}
"""Kinds that are compared by themselves."""

_TYPE_RULES: Final = {"type_trans": "type_transition", "type_change": "type_change", "type_member": "type_member"}
_ROLE_RULES: Final = {"role_trans": role_transition_section, "range_trans": range_transition_section}
_ACCESS_RULES: Final = ("allow", "auditallow", "dontaudit")
_EXTENDED_RULES: Final = ("allowxperm", "auditallowxperm", "dontauditxperm")

KINDS: Final = (
    *("property", "common", "class", "bool", "role", "type", "attribute", "user", "category", "sensitivity", "level"),
    *("allow", "allowxperm", "neverallow", "neverallowxperm", "auditallow", "auditallowxperm"),
    *("dontaudit", "dontauditxperm", "type_trans", "type_change", "type_member", "role_allow", "role_trans"),
    *("range_trans", "constrain", "mlsconstrain", "validatetrans", "mlsvalidatetrans", "initialsid", "ibendportcon"),
    *("ibpkeycon", "fs_use", "genfscon", "netifcon", "nodecon", "portcon", "polcap", "default", "typebounds"),
)
"""All kinds, in the order in which SETools shows them."""


def compare(left: Side, right: Side, kinds: Collection[str] = KINDS) -> Iterator[Section]:
    """Yield the differences of some kinds, in the order of :data:`KINDS`.

    Rules are written out for types, so that rules about attributes are the same when they come to the same.
    ``neverallow`` rules are no part of a policy that has been compiled, so that there is never a difference in them.

    Args:
        left: the policy that is compared with.
        right: the policy whose components are added where only it has them.
        kinds: of :data:`KINDS`.
    """
    comparison = _Comparison(left, right)
    for kind in KINDS:
        if kind in kinds:
            yield comparison.section(kind)


class _Comparison:
    """What the comparisons of several kinds of rules have in common is made once."""

    def __init__(self, left: Side, right: Side) -> None:
        self._sides = left, right
        self._catalogues = left.catalogue, right.catalogue
        self._access_comparison: AccessComparison | None = None

    @cached_property
    def _numbering(self) -> Numbering:
        return Numbering(*self._catalogues)

    def section(self, kind: str) -> Section:
        """Return the differences of one kind."""
        if kind in _SIMPLE:
            return _SIMPLE[kind](*self._sides)
        if kind in _ACCESS_RULES:
            return self._access(kind)
        if kind in _EXTENDED_RULES:
            return extended_section(self._numbering, *self._catalogues, kind)
        if kind in _TYPE_RULES:
            return type_section(self._numbering, *self._catalogues, _TYPE_RULES[kind])
        if kind in _ROLE_RULES:
            return _ROLE_RULES[kind](self._numbering, *self._catalogues)
        if kind == "role_allow":
            return role_allow_section(*self._catalogues)
        plural = f"{kind.capitalize()} Rules"
        return Section(kind, plural, plural)

    def _access(self, kind: str) -> Section:
        from selbox.analysis.differences.accessarrays import AccessComparison  # numpy: other kinds do not pay for it
        from selbox.analysis.differences.accessrules import access_section

        if self._access_comparison is None:
            self._access_comparison = AccessComparison(self._numbering, *self._catalogues)
        return access_section(self._access_comparison, self._numbering, kind)
