"""What a decision about access is, and the protocol of everything that can take one."""

from typing import NamedTuple, Protocol

PERMISSIVE_FLAG = 1
"""Bit of :attr:`AccessDecision.flags`: the source's type is permissive (kernel: ``AVD_FLAGS_PERMISSIVE``)."""


class AccessDecision(NamedTuple):
    """The security server's answer about one source, target and class.

    Source: ``struct av_decision`` of the kernel.

    Attributes:
        allowed: access vector that is granted.
        auditallow: granted permissions that are recorded all the same.
        auditdeny: denied permissions that are recorded (all but those of ``dontaudit`` rules).
        seqno: number of the policy state that it was taken under; grows with each load or boolean change.
        flags: see :data:`PERMISSIVE_FLAG`.
    """

    allowed: int
    auditallow: int
    auditdeny: int
    seqno: int
    flags: int


class AccessDecider(Protocol):
    """Takes access decisions: the security server, the cache in front of it, and test doubles."""

    def compute_access(self, source: int, target: int, object_class: int) -> AccessDecision:
        """Decide for a source SID, a target SID and a class id of the policy in force."""
        ...
