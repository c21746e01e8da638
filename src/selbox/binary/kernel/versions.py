"""What each version of the binary policy can say, as a table.

Source: ``POLICYDB_VERSION_*`` and ``policydb_compat`` of the kernel's ``security/selinux`` and of libsepol.
"""

from selbox.model.policy import Target
from selbox.typing import Final, NamedTuple

OLDEST_VERSION: Final = 24
"""The oldest version that is read and written: the first whose types have bounds and whose attributes have names."""

NEWEST_VERSION: Final = 35
"""The newest version that is read and written."""

USUAL_VERSION: Final = 33
"""The version that is written when none is asked for: kernels since 5.5 take it."""

XEN_VERSIONS: Final = (24, 30)
"""Versions that libsepol and Xen know of policies for Xen, in which any other version is written by nobody."""

SYMBOL_TABLES: Final = 8


class Layout(NamedTuple):
    """The sections and fields of a policy of one version and target; True for those that it has.

    Attributes:
        version: the number in the header.
        target: the object manager.
        filename_transitions: type transitions by the name of the new object.
        role_transition_classes: the class of role transitions; without it they are all for ``process``.
        object_defaults: ``defaultuser``, ``defaultrole`` and ``defaultrange`` of classes.
        default_type: ``defaulttype`` of classes.
        constraint_names: the names in constraints as the policy's author wrote them.
        extended_rules: rules over ``ioctl`` commands.
        device_tree: labels of the device tree, and memory ranges beyond 16 TB (Xen).
        infiniband: labels of Infiniband's keys and ports.
        greatest_lower_bound: ``defaultrange … glblub``.
        compressed_filename_transitions: filename transitions grouped by target, class and name.
        conditional_extended_rules: extended rules in conditionals.
        neveraudit: types that are never recorded.
    """

    version: int
    target: Target
    filename_transitions: bool
    role_transition_classes: bool
    object_defaults: bool
    default_type: bool
    constraint_names: bool
    extended_rules: bool
    device_tree: bool
    infiniband: bool
    greatest_lower_bound: bool
    compressed_filename_transitions: bool
    conditional_extended_rules: bool
    neveraudit: bool

    @property
    def context_tables(self) -> int:
        """How many tables of labelled objects the policy has, initial SIDs among them."""
        if self.target is Target.XEN:
            return 6 if self.device_tree else 5
        return 9 if self.infiniband else 7


FIRST_VERSIONS: Final[dict[str, int]] = {
    "filename_transitions": 25,
    "role_transition_classes": 26,
    "object_defaults": 27,
    "default_type": 28,
    "constraint_names": 29,
    "extended_rules": 30,
    "device_tree": 30,
    "infiniband": 31,
    "greatest_lower_bound": 32,
    "compressed_filename_transitions": 33,
    "conditional_extended_rules": 34,
    "neveraudit": 35,
}
"""The version that each part of :class:`Layout` came with."""


def layout_of(version: int, target: Target) -> Layout:
    """Return what a policy of a version and target is made of."""
    return Layout(version, target, **{part: version >= first for part, first in FIRST_VERSIONS.items()})
