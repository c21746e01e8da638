"""Queries over the rules that change roles and ranges."""

from collections.abc import Iterator

from selbox.analysis.catalogue import Catalogue
from selbox.analysis.criteria import ClassCriterion, NameCriterion
from selbox.analysis.foundrule import (
    FoundRule,
    found_range_transition,
    found_role_allow,
    found_role_transition,
    rules_table,
)
from selbox.analysis.levels import read_range
from selbox.analysis.matching import Flags, class_flags, role_flags, type_flags
from selbox.analysis.ruletext import Texts
from selbox.diagnostics import SelboxError
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from selbox.analysis.table import Table

ROLE_KINDS: Final = ("allow", "role_transition")


class RoleRuleQuery(NamedTuple):
    """A search over rules about roles. What is None is not asked.

    Attributes:
        kinds: keywords of :data:`ROLE_KINDS`.
        source: a role.
        target: of ``role_transition`` a type or attribute, of ``allow`` a role.
        classes, default: of ``role_transition`` alone; the latter is a role.
    """

    kinds: tuple[str, ...] = ROLE_KINDS
    source: NameCriterion | None = None
    target: NameCriterion | None = None
    classes: ClassCriterion | None = None
    default: NameCriterion | None = None

    def results(self, catalogue: Catalogue) -> Iterator[FoundRule]:
        """Yield the rules that match.

        Raises:
            SelboxError: when a criterion names what the policy does not have, or a pattern is none.
        """
        source = None if self.source is None else role_flags(catalogue, self.source, "source")
        types, roles = _targets(catalogue, self.target)
        classes = None if self.classes is None else class_flags(catalogue, self.classes)
        default = None if self.default is None else role_flags(catalogue, self.default, "default")
        texts = Texts(catalogue)
        if "allow" in self.kinds and classes is None and default is None:
            rows = [
                row for row, each in enumerate(catalogue.role_allows) if _holds((source, each[0]), (roles, each[1]))
            ]
            for row, text in zip(rows, texts.role_allows(rows), strict=True):
                yield found_role_allow(catalogue, row, text)
        if "role_transition" in self.kinds:
            rows = [
                row
                for row, each in enumerate(catalogue.role_transitions)
                if _holds((source, each[0]), (types, each[1]), (classes, each[2]), (default, each[3]))
            ]
            for row, text in zip(rows, texts.role_transitions(rows), strict=True):
                yield found_role_transition(catalogue, row, text)

    def table(self, catalogue: Catalogue) -> "Table":
        """Return the rules that match as a table, sorted.

        Raises:
            SelboxError: likewise.
        """
        return rules_table(self.results(catalogue))


class RangeTransitionQuery(NamedTuple):
    """A search over range transitions. What is None is not asked.

    Attributes:
        source, target: types or attributes.
        classes: object classes.
        default: the range that they result in, as text.
    """

    source: NameCriterion | None = None
    target: NameCriterion | None = None
    classes: ClassCriterion | None = None
    default: str | None = None

    def results(self, catalogue: Catalogue) -> Iterator[FoundRule]:
        """Yield the rules that match.

        Raises:
            SelboxError: likewise; ``invalid-range`` for a range that cannot be.
        """
        source = None if self.source is None else type_flags(catalogue, self.source, "source")
        target = None if self.target is None else type_flags(catalogue, self.target, "target")
        classes = None if self.classes is None else class_flags(catalogue, self.classes)
        wanted = None if self.default is None else read_range(catalogue, self.default)
        rows = [
            row
            for row, each in enumerate(catalogue.range_transitions)
            if _holds((source, each[0]), (target, each[1]), (classes, each[2]))
            and (wanted is None or wanted == each[3:5])
        ]
        for row, text in zip(rows, Texts(catalogue).range_transitions(rows), strict=True):
            yield found_range_transition(catalogue, row, text)

    def table(self, catalogue: Catalogue) -> "Table":
        """Return the rules that match as a table, sorted.

        Raises:
            SelboxError: likewise.
        """
        return rules_table(self.results(catalogue))


def _holds(*pairs: tuple[Flags | None, int]) -> bool:
    return all(flags is None or flags[each] for flags, each in pairs)


def _targets(catalogue: Catalogue, target: NameCriterion | None) -> tuple[Flags | None, Flags | None]:
    """Return which types, and which roles, a target matches: a name that is a type's is no role's.

    Raises:
        SelboxError: ``unknown-type`` when it is nobody's.
    """
    if target is None:
        return None, None
    if target.is_pattern:
        return type_flags(catalogue, target, "target"), role_flags(catalogue, target, "target")
    nothing = Flags(len(catalogue.types)), Flags(len(catalogue.roles))
    if catalogue.type_id(target.name) is not None:
        return type_flags(catalogue, target, "target"), nothing[1]
    if target.name in catalogue.roles:
        return nothing[0], role_flags(catalogue, target, "target")
    try:
        return type_flags(catalogue, target, "target"), nothing[1]
    except SelboxError as error:
        first = error.diagnostics[0]
        message = f"the policy has no type, attribute or role `{target.name}`"
        raise SelboxError.of("unknown-type", message, first.span, first.help) from None
