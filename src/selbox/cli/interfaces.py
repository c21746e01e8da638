"""The interfaces that ``audit2allow -R`` calls in place of rules."""

from collections.abc import Iterator, Sequence

from selbox.analysis.advice import FORBIDDEN, Advice
from selbox.analysis.deniedrules import SELF, DeniedRule
from selbox.analysis.interfacematching import InterfaceMatch, InterfaceMatcher
from selbox.cli.audit2allowtext import RuleStyle, has_numbers
from selbox.store.referencepolicy import read_interface_info, read_sepolgen_permission_map
from selbox.typing import Final

_FAR: Final = 150
"""How far an interface may be from what was denied without a word: sepolgen's threshold, past which it is taken only
for want of another."""


class Interfaces:
    """Tells which interfaces give the accesses of rules.

    Args:
        info: the file that says what interfaces give; None for the system's.
        permission_map: the file that says how much permissions weigh; None for the system's, or selbox's own.
        style: how rules are written.

    Raises:
        SelboxError: when there is no such file, or with what is wrong in it.
    """

    def __init__(self, info: str | None, permission_map: str | None, style: RuleStyle) -> None:
        self._matcher = InterfaceMatcher(read_interface_info(info), read_sepolgen_permission_map(permission_map))
        self._style = style
        self._found: dict[int, Sequence[InterfaceMatch]] = {}

    def of(self, rule: DeniedRule) -> Sequence[InterfaceMatch]:
        """Return them, the nearest first; none where a rule says more than they can: numbers, or to hide denials."""
        if self._style.dontaudit or rule.kind in FORBIDDEN or has_numbers(rule, self._style):
            return ()
        found = self._found.get(id(rule))
        if found is None:
            target = rule.source if rule.target == SELF else rule.target
            found = self._matcher.matches(rule.source, target, rule.object_class, rule.permissions)
            self._found[id(rule)] = found
        return found

    def advice(self, rule: DeniedRule) -> Iterator[Advice]:
        """Yield what should be known about the interface that is called in place of a rule."""
        matches = self.of(rule)
        if matches and matches[0].distance > _FAR:
            name = matches[0].call.interface
            yield Advice("peril", f"the interface {name} gives far more; the rule alone is written without -R")
