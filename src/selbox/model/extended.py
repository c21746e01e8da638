"""Extended permissions: rules over the 16-bit numbers of ``ioctl`` commands and netlink messages.

Source: ``struct avtab_extended_perms`` and ``AVTAB_XPERMS_*`` of the kernel's ``security/selinux/ss/avtab.h``.
"""

from enum import IntEnum

from selbox.model.rules import NO_ORIGIN, UNCONDITIONAL
from selbox.typing import NamedTuple


class ExtendedKind(IntEnum):
    """What an extended rule says. Values are the kernel's ``AVTAB_XPERMS_*`` bits of the binary policy."""

    ALLOW = 0x0100
    AUDITALLOW = 0x0200
    DONTAUDIT = 0x0400


class ExtendedSpecifier(IntEnum):
    """What the bits of an extended rule count. Values are those of the binary policy's ``specified`` byte."""

    IOCTL_FUNCTION = 1
    IOCTL_DRIVER = 2
    NETLINK_MESSAGE = 3


class ExtendedRule(NamedTuple):
    """An ``allowx``, ``auditallowx`` or ``dontauditx`` rule in the kernel's form.

    A number is ``driver << 8 | function``. A set of numbers takes one rule for all the drivers that it has whole, and
    one for each driver of which it has a part.

    Attributes:
        kind: what it says.
        source: type or attribute id; target: likewise; object_class: class id.
        specifier: whether ``permissions`` counts functions of one driver, whole drivers, or netlink messages.
        driver: high byte of the numbers; 0 when the bits are drivers.
        permissions: bitset over 0 to 255 of low bytes, or of drivers.
        condition: as in :class:`selbox.model.rules.Rule`.
        origin: likewise.
    """

    kind: ExtendedKind
    source: int
    target: int
    object_class: int
    specifier: ExtendedSpecifier
    driver: int
    permissions: int
    condition: int = UNCONDITIONAL
    origin: int = NO_ORIGIN
