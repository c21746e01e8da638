"""Extended rules, found by source type, target type and class."""

from collections.abc import Callable, Iterator, Sequence

from selbox.model.extended import ExtendedKind, ExtendedRule, ExtendedSpecifier
from selbox.model.policy import Policy
from selbox.server.decision import ALL_EXTENDED, ExtendedBase, ExtendedDecision, ExtendedPermissions

Entries = Callable[[int], frozenset[int]]
"""Gives the ids under which rules may name a type: itself and its attributes."""

_DRIVER_SHIFT = 8
_FUNCTION_MASK = 0xFF

_REFINED = {"ioctl": ExtendedBase.IOCTL, "nlmsg": ExtendedBase.NLMSG}


def refined_permission(permissions: Sequence[str], vector: int) -> tuple[ExtendedBase, int] | None:
    """Return which permission of an access vector extended rules refine, and its bit; None when none.

    Args:
        permissions: names of the class's permissions, in bit order.
        vector: the access vector.
    """
    for name, kind in _REFINED.items():
        if name in permissions and vector >> permissions.index(name) & 1:
            return kind, 1 << permissions.index(name)
    return None


class ExtendedRuleIndex:
    """Finds the extended rules that bear on a pair of types.

    Most policies have none or few, and only for some classes: :attr:`classes` tells where looking pays.

    Args:
        policy: whose rules these are.
        entries: see :data:`Entries`.

    Attributes:
        classes: ids of the classes that any extended rule is about.
    """

    def __init__(self, policy: Policy, entries: Entries) -> None:
        self._entries = entries
        self._rules: dict[int, dict[int, dict[int, list[ExtendedRule]]]] = {}
        for rule in policy.extended_rules:
            by_target = self._rules.setdefault(rule.object_class, {})
            by_target.setdefault(rule.target, {}).setdefault(rule.source, []).append(rule)
        self.classes = frozenset(self._rules)

    def defined(
        self, source: int, target: int, object_class: int, active: Sequence[bool]
    ) -> ExtendedPermissions | None:
        """Tell which base permissions and drivers rules are about; None where no rule applies.

        Args:
            source: type id.
            target: type id.
            object_class: class id.
            active: from :func:`selbox.server.conditionals.active_conditions`.

        Source: the kernel's ``services_compute_xperms_drivers``; rules of every kind count alike.
        """
        bases = drivers = 0
        for rule in self._met(source, target, object_class, active):
            if rule.specifier == ExtendedSpecifier.NETLINK_MESSAGE:
                bases |= ExtendedBase.NLMSG
                drivers |= 1 << rule.driver
            else:
                bases |= ExtendedBase.IOCTL
                drivers |= rule.permissions if rule.specifier == ExtendedSpecifier.IOCTL_DRIVER else 1 << rule.driver
        return ExtendedPermissions(bases, drivers) if bases else None

    def decide(
        self,
        source: int,
        target: int,
        object_class: int,
        active: Sequence[bool],
        kind: ExtendedBase,
        driver: int,
    ) -> ExtendedDecision:
        """Return what rules say of the numbers of one driver.

        Source: the kernel's ``services_compute_xperms_decision``.
        """
        sets = {ExtendedKind.ALLOW: 0, ExtendedKind.AUDITALLOW: 0, ExtendedKind.DONTAUDIT: 0}
        for rule in self._met(source, target, object_class, active):
            sets[rule.kind] |= _numbers(rule, kind, driver)
        return ExtendedDecision(*sets.values())

    def number_decision(
        self, source: int, target: int, object_class: int, active: Sequence[bool], kind: ExtendedBase, number: int
    ) -> ExtendedDecision | None:
        """Return what rules say of one number, as bits 0; None where no rule applies, so that the base decides alone.

        Args:
            source: type id.
            target: type id.
            object_class: class id.
            active: from :func:`selbox.server.conditionals.active_conditions`.
            kind: the base permission.
            number: driver in the high byte, function in the low.

        Source: the kernel's ``avc_has_extended_perms``.
        """
        types = source, target, object_class
        defined = self.defined(*types, active)
        if defined is None:
            return None
        driver, function = number >> _DRIVER_SHIFT, number & _FUNCTION_MASK
        if not (defined.bases & kind and defined.drivers >> driver & 1):
            return ExtendedDecision(0, 0, 0)
        return ExtendedDecision(*(each >> function & 1 for each in self.decide(*types, active, kind, driver)))

    def rules(self, source: int, target: int, object_class: int) -> tuple[ExtendedRule, ...]:
        """Return the rules about two types and a class, whether their conditions hold or not."""
        return tuple(self._met(source, target, object_class, None))

    def _met(
        self, source: int, target: int, object_class: int, active: Sequence[bool] | None
    ) -> Iterator[ExtendedRule]:
        """Yield the rules whose condition holds; all, where it is not said which do."""
        by_target = self._rules.get(object_class)
        if by_target is None:
            return
        sources = self._entries(source)
        for target_entry in by_target.keys() & self._entries(target):
            by_source = by_target[target_entry]
            for source_entry in by_source.keys() & sources:
                for rule in by_source[source_entry]:
                    if active is None or active[rule.condition]:
                        yield rule


def _numbers(rule: ExtendedRule, kind: ExtendedBase, driver: int) -> int:
    """Return the low bytes that a rule covers in one driver of a base permission."""
    is_netlink = rule.specifier == ExtendedSpecifier.NETLINK_MESSAGE
    if is_netlink != (kind == ExtendedBase.NLMSG):
        return 0
    if rule.specifier == ExtendedSpecifier.IOCTL_DRIVER:
        return ALL_EXTENDED if rule.permissions >> driver & 1 else 0
    return rule.permissions if rule.driver == driver else 0
