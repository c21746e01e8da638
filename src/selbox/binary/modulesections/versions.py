"""Which version of the module format brought what.

A reader asks ``version >= WHAT``; there are no other conditions on the version.

Source: ``policydb.h`` and ``policydb.c`` of libsepol.
"""

from selbox.typing import Final

OLDEST: Final = 4
"""The oldest version that is read."""

VALIDATETRANS: Final = 5
"""Base modules: each class has ``validatetrans`` rules. Contexts and users have levels."""

MLS: Final = 5
"""The same version: contexts, users and range transitions of base modules carry levels."""

RANGE_TRANSITION_RULES: Final = 6
"""Range transitions stand in declarations, with sets of types. Version 5 has one list at the end of a base module."""

MLS_USERS: Final = 6
"""Levels of users may name ranges of categories, and modules may declare users."""

POLICY_CAPABILITIES: Final = 7
"""A bitmap of policy capabilities."""

PERMISSIVE: Final = 8
"""Types have flags."""

BOUNDS: Final = 9
"""Types, roles and users are bounded by another; types have properties in place of kind and flags."""

ALIAS_BOUNDS: Final = 10
"""Types name their primary type beside their properties."""

FILENAME_TRANSITIONS: Final = 11
"""Type transitions by file name."""

ROLE_TRANSITION_CLASSES: Final = 12
"""Role transitions name their classes. Before, they were about ``process``."""

ROLE_ATTRIBUTES: Final = 13
"""Roles have a kind, and role attributes their members."""

TUNABLES: Final = 14
"""Booleans and conditionals have a flag that tells tunables from booleans."""

OBJECT_DEFAULTS: Final = 15
"""Base modules: classes have ``default_user``, ``default_role`` and ``default_range``."""

DEFAULT_TYPE: Final = 16
"""Base modules: classes have ``default_type``."""

EXTENDED_PERMISSIONS: Final = 18
"""Rules may carry extended permissions. (Version 17 changed nothing in modules.)"""

INFINIBAND: Final = 19
"""Base modules: contexts of Infiniband partitions and ports. (Version 20 added ``glblub`` as a value of
``default_range``.)"""

SELF_TRANSITIONS: Final = 21
"""Type transitions by file name have flags: ``self`` as target."""

NEVERAUDIT: Final = 23
"""Types have a property that silences them. (Version 22 allowed extended permissions in conditionals.)"""

NEWEST: Final = 24
"""The newest version: attributes may hold attributes. The format is that of version 23."""
