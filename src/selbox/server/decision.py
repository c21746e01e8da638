"""What a decision about access is, and the protocol of everything that can take one."""

from enum import IntEnum

from selbox.typing import Final, NamedTuple, Protocol

PERMISSIVE_FLAG: Final = 1
"""Bit of :attr:`AccessDecision.flags`: the source's type is permissive (kernel: ``AVD_FLAGS_PERMISSIVE``)."""

NEVERAUDIT_FLAG: Final = 2
"""Bit of :attr:`AccessDecision.flags`: nothing that the source does is recorded (kernel: ``AVD_FLAGS_NEVERAUDIT``)."""

GRANTS_ALL: Final = PERMISSIVE_FLAG | NEVERAUDIT_FLAG
"""Flags of a source for which nothing needs to be computed: all that is denied would go on, and nothing is recorded."""

EXTENDED_VALUES: Final = 256
"""Extended permissions in a driver, and drivers in a base permission."""

ALL_EXTENDED: Final = (1 << EXTENDED_VALUES) - 1


class ExtendedBase(IntEnum):
    """The permission that extended permissions refine.

    Source: the kernel's ``AVC_EXT_IOCTL`` and ``AVC_EXT_NLMSG``; each is one bit of :attr:`ExtendedPermissions.bases`.
    """

    IOCTL = 1
    NLMSG = 2


class ExtendedPermissions(NamedTuple):
    """That extended rules are defined for a source, target and class, and for what.

    Where they are, the base permission alone grants nothing: each number must be allowed by a rule, whatever the
    kind of the rules that there are.

    Source: ``struct extended_perms`` of the kernel.

    Attributes:
        bases: bits of :class:`ExtendedBase` that rules are about.
        drivers: bitset over 0 to 255 of the high bytes that rules are about.
    """

    bases: int
    drivers: int


class ExtendedDecision(NamedTuple):
    """The security server's answer about the numbers of one driver: three bitsets over low bytes, 0 to 255.

    Source: ``struct extended_perms_decision`` of the kernel.

    Attributes:
        allowed: granted, where the base permission is granted too.
        auditallow: recorded when granted, where ``auditallow`` holds of the base permission.
        dontaudit: not recorded when denied.
    """

    allowed: int
    auditallow: int
    dontaudit: int


class AccessDecision(NamedTuple):
    """The security server's answer about one source, target and class.

    Source: ``struct av_decision`` of the kernel.

    Attributes:
        allowed: access vector that is granted.
        auditallow: granted permissions that are recorded all the same.
        auditdeny: denied permissions that are recorded (all but those of ``dontaudit`` rules).
        seqno: number of the policy state that it was taken under; grows with each load or boolean change.
        flags: see :data:`PERMISSIVE_FLAG` and :data:`NEVERAUDIT_FLAG`.
        extended: what extended rules are about; None where there are none, so that ``allowed`` says all.
    """

    allowed: int
    auditallow: int
    auditdeny: int
    seqno: int
    flags: int
    extended: ExtendedPermissions | None = None


class AccessDecider(Protocol):
    """Takes access decisions: the security server, the cache in front of it, and test doubles."""

    def compute_access(self, source: int, target: int, object_class: int) -> AccessDecision:
        """Decide for a source SID, a target SID and a class id of the policy in force."""
        ...

    def compute_extended(
        self, source: int, target: int, object_class: int, kind: ExtendedBase, driver: int
    ) -> ExtendedDecision:
        """Decide about the 256 extended permissions of one driver."""
        ...
