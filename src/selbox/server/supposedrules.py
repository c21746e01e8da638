"""Rules as an evaluation looks them up: the policy's own, or those and some more."""

from collections.abc import Mapping, Sequence

from selbox.typing import Protocol


class AccessRules(Protocol):
    """Type enforcement rules."""

    def access(self, source: int, target: int, object_class: int, active: Sequence[bool]) -> int:
        """Do as :meth:`selbox.server.ruleindex.RuleIndex.access` does."""
        ...

    def recorded_access(
        self, source: int, target: int, object_class: int, active: Sequence[bool], rows: list[int]
    ) -> int:
        """Do as :meth:`selbox.server.ruleindex.RuleIndex.recorded_access` does."""
        ...


class SupposedRules:
    """The rules of a policy and some more.

    Args:
        rules: the policy's.
        added: access vectors by source type, target type and class.
    """

    def __init__(self, rules: AccessRules, added: Mapping[tuple[int, int, int], int]) -> None:
        self._rules = rules
        self._added = added

    def access(self, source: int, target: int, object_class: int, active: Sequence[bool]) -> int:
        """Do as :meth:`selbox.server.ruleindex.RuleIndex.access` does."""
        added = self._added.get((source, target, object_class), 0)
        return self._rules.access(source, target, object_class, active) | added

    def recorded_access(
        self, source: int, target: int, object_class: int, active: Sequence[bool], rows: list[int]
    ) -> int:
        """Do as :meth:`selbox.server.ruleindex.RuleIndex.recorded_access` does; what was added has no row."""
        added = self._added.get((source, target, object_class), 0)
        return self._rules.recorded_access(source, target, object_class, active, rows) | added
