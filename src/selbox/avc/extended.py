"""The extended permissions of one node of the cache."""

from selbox.server.decision import ExtendedBase, ExtendedDecision, ExtendedPermissions


class ExtendedNode:
    """What extended rules say of one source, target and class, as far as it was asked for.

    Source: the kernel's ``struct avc_xperms_node``.

    Args:
        defined: what the rules are about.
    """

    __slots__ = ("_bases", "_decisions", "_drivers")

    def __init__(self, defined: ExtendedPermissions) -> None:
        self._bases, self._drivers = defined
        self._decisions: dict[tuple[ExtendedBase, int], ExtendedDecision] = {}

    def covers(self, kind: ExtendedBase, driver: int) -> bool:
        """Tell whether it is worth asking the server about a driver; where it is not, nothing of it is allowed."""
        return bool(self._bases & kind and self._drivers >> driver & 1)

    def decision(self, kind: ExtendedBase, driver: int) -> ExtendedDecision | None:
        """Return the decision about a driver, or None when it has not been asked for."""
        return self._decisions.get((kind, driver))

    def add(self, kind: ExtendedBase, driver: int, decision: ExtendedDecision) -> None:
        """Keep a decision about a driver. Source: the kernel's ``avc_add_xperms_decision``."""
        self._decisions.setdefault((kind, driver), decision)

    def grant(self, kind: ExtendedBase, driver: int, permission: int) -> None:
        """Add what permissive mode lets pass.

        A driver of which no rule allows anything has no set to add to, so that its numbers stay denied.

        Source: the kernel's ``avc_xperms_allow_perm``.
        """
        self._bases |= kind
        self._drivers |= 1 << driver
        current = self._decisions.get((kind, driver))
        if current is not None and current.allowed:
            self._decisions[kind, driver] = current._replace(allowed=current.allowed | 1 << permission)
