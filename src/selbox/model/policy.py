"""The policy as one immutable value."""

from collections.abc import Sequence
from enum import Enum
from functools import cached_property

from selbox.model.binaryform import BinaryForm
from selbox.model.conditional import Conditional
from selbox.model.constraint import Constraint, ValidateTransition
from selbox.model.extended import ExtendedKind, ExtendedRule
from selbox.model.labelling import (
    FileContext,
    FilesystemContext,
    FilesystemUse,
    GenericFilesystemContext,
    InfinibandKeyContext,
    InfinibandPortContext,
    InitialSid,
    InterfaceContext,
    NodeContext,
    PathSubstitution,
    PortContext,
    XenDeviceContext,
    XenDeviceTreeContext,
    XenInterruptContext,
    XenMemoryContext,
    XenPortContext,
)
from selbox.model.mls import LevelRange
from selbox.model.objectclass import Common, ObjectClass
from selbox.model.origin import Origin
from selbox.model.rules import NamedTransition, RangeTransition, RoleAllow, RoleTransition, RuleKind, Rules
from selbox.model.symbols import Boolean, Category, Login, Role, Sensitivity, Type, User
from selbox.typing import NamedTuple


class HandleUnknown(Enum):
    """What a decision about a class or permission that the policy does not define comes to."""

    DENY = "deny"
    ALLOW = "allow"
    REJECT = "reject"


class Target(Enum):
    """The object manager that a policy is for."""

    SELINUX = "selinux"
    XEN = "xen"


class _Parts(NamedTuple):
    """What a policy is made of.

    ``unknown_capabilities`` and ``unknown_config`` are bitsets: what a binary policy had set beyond all that is known
    here, kept so that writing it again loses nothing. ``binary_form`` is None for a policy that comes from no binary.
    ``path_substitutions`` belong to the file contexts: in each of these rounds the beginning of a path is replaced
    before its label is looked up.
    """

    classes: tuple[ObjectClass, ...]
    types: tuple[Type, ...]
    roles: tuple[Role, ...]
    users: tuple[User, ...]
    booleans: tuple[Boolean, ...]
    sensitivities: tuple[Sensitivity, ...]
    categories: tuple[Category, ...]
    rules: Rules
    conditionals: tuple[Conditional, ...] = ()
    named_transitions: tuple[NamedTransition, ...] = ()
    range_transitions: tuple[RangeTransition, ...] = ()
    ranges: tuple[LevelRange, ...] = ()
    role_allows: tuple[RoleAllow, ...] = ()
    role_transitions: tuple[RoleTransition, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    validate_transitions: tuple[ValidateTransition, ...] = ()
    initial_sids: tuple[InitialSid, ...] = ()
    file_contexts: tuple[FileContext, ...] = ()
    path_substitutions: tuple[tuple[PathSubstitution, ...], ...] = ()
    genfs_contexts: tuple[GenericFilesystemContext, ...] = ()
    filesystem_uses: tuple[FilesystemUse, ...] = ()
    port_contexts: tuple[PortContext, ...] = ()
    node_contexts: tuple[NodeContext, ...] = ()
    interface_contexts: tuple[InterfaceContext, ...] = ()
    policy_capabilities: frozenset[str] = frozenset()
    handle_unknown: HandleUnknown = HandleUnknown.DENY
    mls: bool = True
    origins: Sequence[Origin] = ()
    commons: tuple[Common, ...] = ()
    extended_rules: tuple[ExtendedRule, ...] = ()
    logins: tuple[Login, ...] = ()
    infiniband_keys: tuple[InfinibandKeyContext, ...] = ()
    infiniband_ports: tuple[InfinibandPortContext, ...] = ()
    target: Target = Target.SELINUX
    xen_interrupts: tuple[XenInterruptContext, ...] = ()
    xen_ports: tuple[XenPortContext, ...] = ()
    xen_memory: tuple[XenMemoryContext, ...] = ()
    xen_devices: tuple[XenDeviceContext, ...] = ()
    xen_device_tree: tuple[XenDeviceTreeContext, ...] = ()
    unknown_capabilities: int = 0
    unknown_config: int = 0
    filesystem_contexts: tuple[FilesystemContext, ...] = ()
    binary_form: BinaryForm | None = None


class Policy(_Parts):
    """A complete policy. Ids are positions in its tuples; a change makes a new policy (``policy._replace(…)``).

    Class ids count from 0 here; the kernel's number of a class is its id plus one. The same holds of types,
    roles, users, booleans, sensitivities and categories.

    A policy is equal to itself only: comparing two is the work of an analysis.
    """

    __eq__ = object.__eq__
    __ne__ = object.__ne__
    __hash__ = object.__hash__
    __repr__ = object.__repr__

    @cached_property
    def class_ids(self) -> dict[str, int]:
        """Class name to id."""
        return {each.name: index for index, each in enumerate(self.classes)}

    @cached_property
    def type_ids(self) -> dict[str, int]:
        """Type, attribute or alias name to id."""
        ids = {each.name: index for index, each in enumerate(self.types)}
        for index, each in enumerate(self.types):
            for alias in each.aliases:
                ids.setdefault(alias, index)
        return ids

    @cached_property
    def role_ids(self) -> dict[str, int]:
        """Role name to id."""
        return {each.name: index for index, each in enumerate(self.roles)}

    @cached_property
    def user_ids(self) -> dict[str, int]:
        """User name to id."""
        return {each.name: index for index, each in enumerate(self.users)}

    @cached_property
    def boolean_ids(self) -> dict[str, int]:
        """Boolean name to id."""
        return {each.name: index for index, each in enumerate(self.booleans)}

    @cached_property
    def sensitivity_ids(self) -> dict[str, int]:
        """Sensitivity or alias name to id."""
        ids = {each.name: index for index, each in enumerate(self.sensitivities)}
        for index, each in enumerate(self.sensitivities):
            for alias in each.aliases:
                ids.setdefault(alias, index)
        return ids

    @cached_property
    def category_ids(self) -> dict[str, int]:
        """Category or alias name to id."""
        ids = {each.name: index for index, each in enumerate(self.categories)}
        for index, each in enumerate(self.categories):
            for alias in each.aliases:
                ids.setdefault(alias, index)
        return ids

    def origin(self, number: int) -> Origin | None:
        """Return the place that an ``origin`` column names, or None when it is not known."""
        return self.origins[number - 1] if number else None

    def without_dontaudit(self) -> "Policy":
        """Return the policy with its ``dontaudit`` and ``dontauditxperm`` rules left out: all denials are recorded."""
        kinds, form = self.rules.kind, self.binary_form
        return self._replace(
            rules=self.rules.select(row for row, kind in enumerate(kinds) if kind != RuleKind.DONTAUDIT),
            extended_rules=tuple(each for each in self.extended_rules if each.kind is not ExtendedKind.DONTAUDIT),
            binary_form=None if form is None else form._replace(extended_places=()),
        )
