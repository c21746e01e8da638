"""Differences of access rules, written out for types, as a section."""

from selbox.analysis.differences.accessarrays import AccessComparison, AccessDifferences, Truths, Vectors
from selbox.analysis.differences.numbering import Numbering
from selbox.analysis.differences.section import Change, Part, Section
from selbox.analysis.ruletext import RULE_KINDS, permission_names
from selbox.model.rules import RuleKind


def access_section(comparison: AccessComparison, numbering: Numbering, kind: str) -> Section:
    """Return the differences of one kind of access rules: ``allow``, ``auditallow`` or ``dontaudit``."""
    found = comparison.differences(RuleKind(RULE_KINDS[kind]))
    lines = _Lines(numbering, kind, found)
    plural = f"{kind.capitalize()} Rules"
    return Section(
        kind,
        plural,
        plural,
        lines.statements(found.left == 0, found.right),
        lines.statements(found.right == 0, found.left),
        lines.changes((found.left != 0) & (found.right != 0)),
    )


class _Lines:
    """Makes the lines of rules; what many of them have in common is made once."""

    def __init__(self, numbering: Numbering, kind: str, found: AccessDifferences) -> None:
        self._numbering = numbering
        self._found = found
        self._starts = [f"{kind} {each} " for each in numbering.types]
        self._ends: dict[tuple[int, int], str] = {}
        self._parts: dict[tuple[int, int, int], tuple[str, Part]] = {}

    def statements(self, wanted: Truths, vectors: Vectors) -> list[str]:
        """Return the rules at some places as statements."""
        found, types = self._found, self._numbering.types
        ends, starts = self._ends, self._starts
        lines = []
        for source, target, *end in zip(
            found.source[wanted].tolist(),
            found.target[wanted].tolist(),
            found.object_class[wanted].tolist(),
            vectors[wanted].tolist(),
            strict=True,
        ):
            key = end[0], end[1]
            known = ends.get(key)
            if known is None:
                known = ends[key] = self._end(*key)
            lines.append(f"{starts[source]}{types[target]}{known}")
        branches = found.branch[wanted]
        for row in branches.nonzero()[0].tolist():
            text, holds = self._numbering.branches[branches[row]]
            lines[row] += f" [ {text} ]:{holds}"
        return lines

    def changes(self, wanted: Truths) -> list[Change]:
        """Return the rules at some places as changes."""
        found, numbering = self._found, self._numbering
        columns = (found.branch, found.object_class, found.source, found.target, found.left, found.right)
        changes = []
        for branch, object_class, source, target, left, right in zip(
            *(each[wanted].tolist() for each in columns), strict=True
        ):
            key = object_class, left, right
            known = self._parts.get(key)
            if known is None:
                known = self._parts[key] = self._changed(*key)
            words, part = known
            name = f"{self._starts[source]}{numbering.types[target]}:{numbering.classes[object_class]}"
            condition = f" [ {numbering.branches[branch][0]} ]" if branch else ""
            changes.append(Change(f"{name}{condition}", f"{name} {{ {words} }};{condition}", (part,), in_line=True))
        return changes

    def _end(self, object_class: int, vector: int) -> str:
        names = self._names(object_class, vector)
        text = names[0] if len(names) == 1 else f"{{ {' '.join(names)} }}"
        return f":{self._numbering.classes[object_class]} {text};"

    def _changed(self, object_class: int, left: int, right: int) -> tuple[str, Part]:
        kept, added, removed = (
            self._names(object_class, each) for each in (left & right, right & ~left, left & ~right)
        )
        words = [*kept, *(f"+{each}" for each in added), *(f"-{each}" for each in removed)]
        return " ".join(words), Part("permissions", tuple(added), tuple(removed))

    def _names(self, object_class: int, vector: int) -> list[str]:
        return sorted(permission_names(self._numbering.permissions[object_class], vector))
