"""A security server that answers what it was told to."""

from collections.abc import Callable

from selbox.server.decision import AccessDecision, ExtendedBase, ExtendedDecision

ALL = 0xFFFFFFFF


class ScriptedServer:
    """Answers every question with the same decision and counts how often it is asked."""

    def __init__(
        self, allowed: int = 0, auditallow: int = 0, auditdeny: int = ALL, flags: int = 0, enforcing: bool = True
    ) -> None:
        self.decision = AccessDecision(allowed, auditallow, auditdeny, 1, flags)
        self.enforcing = enforcing
        self.asked = 0
        self.extended: dict[tuple[ExtendedBase, int], ExtendedDecision] = {}
        self.extended_asked: list[tuple[ExtendedBase, int]] = []
        self.on_compute: Callable[[], None] = lambda: None
        self.listeners: list[Callable[[], None]] = []

    def add_listener(self, listener: Callable[[], None]) -> None:
        self.listeners.append(listener)

    def compute_access(self, source: int, target: int, object_class: int) -> AccessDecision:  # noqa: ARG002 - a script
        self.asked += 1
        self.on_compute()
        return self.decision

    def compute_extended(
        self,
        source: int,  # noqa: ARG002 - a script
        target: int,  # noqa: ARG002
        object_class: int,  # noqa: ARG002
        kind: ExtendedBase,
        driver: int,
    ) -> ExtendedDecision:
        self.extended_asked.append((kind, driver))
        return self.extended.get((kind, driver), ExtendedDecision(0, 0, 0))

    def change(self, **parts: int) -> None:
        if parts:
            self.decision = AccessDecision(**{**self.decision._asdict(), **parts})
        for listener in self.listeners:
            listener()
