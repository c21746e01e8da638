"""Differences of access rules, written out for types, as a section.

This module imports numpy; only who compares rules imports it.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from selbox.analysis.differences.accessarrays import AccessComparison, AccessRules, Truths
from selbox.analysis.differences.numbering import Numbering
from selbox.analysis.differences.section import Change, Lines, Part, Section
from selbox.analysis.ruletext import RULE_KINDS, permission_names
from selbox.model.rules import RuleKind
from selbox.typing import NamedTuple


def access_section(comparison: AccessComparison, numbering: Numbering, kind: str) -> Section:
    """Return the differences of one kind of access rules: ``allow``, ``auditallow`` or ``dontaudit``."""
    found = comparison.differences(RuleKind(RULE_KINDS[kind]))
    is_added, is_removed = found.left == 0, found.right == 0
    plural = f"{kind.capitalize()} Rules"
    return Section(
        kind,
        plural,
        plural,
        _Statements(numbering, _Groups(numbering, kind, found, is_added)),
        _Statements(numbering, _Groups(numbering, kind, found, is_removed)),
        _Changes(numbering, _Groups(numbering, kind, found, ~(is_added | is_removed))),
    )


class _Group(NamedTuple):
    """Rules that differ in their targets alone.

    Attributes:
        start: what they begin with, the blank before the target included.
        branch: number of the branch that they are in.
        object_class: number of the class.
        left, right: what the policies say.
        targets: names of the targets.
    """

    start: str
    branch: int
    object_class: int
    left: int
    right: int
    targets: Sequence[str]


class _Groups:
    """Some differences, those together that differ in their targets alone: there are millions of rules, not of these.

    Args:
        numbering: of the policies.
        kind: keyword of the rules.
        found: differences.
        wanted: which of them.
    """

    def __init__(self, numbering: Numbering, kind: str, found: AccessRules, wanted: Truths) -> None:
        self._numbering = numbering
        self._kind = kind
        branch, object_class, source, target, left, right = (each[wanted] for each in found)
        runs = np.zeros(len(branch), dtype=np.int64)
        for each in (branch, object_class, source):
            runs[1:] |= each[1:] != each[:-1]
        np.cumsum(runs, out=runs)
        _, said = np.unique(np.concatenate((left, right)), return_inverse=True)
        _, said = np.unique(said[: len(left)] * len(said) + said[len(left) :], return_inverse=True)
        order = np.argsort(runs * len(said) + said, kind="stable")
        runs, said = runs[order], said[order]
        starts = np.flatnonzero((np.diff(runs, prepend=-1) != 0) | (np.diff(said, prepend=-1) != 0))
        firsts = order[starts]
        self._starts = starts.tolist()
        self._columns = tuple(each[firsts] for each in (branch, object_class, source, left, right))
        self._targets = target[order]

    def __len__(self) -> int:
        """Return how many differences there are."""
        return len(self._targets)

    def __iter__(self) -> Iterator[_Group]:
        """Yield the groups."""
        types = self._numbering.types
        names = list(map(types.__getitem__, self._targets.tolist()))
        columns = (each.tolist() for each in self._columns)
        ends = (*self._starts[1:], len(names))[: len(self._starts)]
        for start, end, branch, object_class, source, left, right in zip(self._starts, ends, *columns, strict=True):
            yield _Group(f"{self._kind} {types[source]} ", branch, object_class, left, right, names[start:end])

    def permissions(self, object_class: int, vector: int) -> list[str]:
        """Return the names of the permissions in a vector, sorted."""
        return sorted(permission_names(self._numbering.permissions[object_class], vector))


class _ChangedEnd(NamedTuple):
    """What changes have after their targets.

    Attributes:
        name: the rest of the name, but for the condition.
        line: the rest of the line.
        condition: at the end of the name.
        part: what has changed.
    """

    name: str
    line: str
    condition: str
    part: Part


class _Statements(Lines[str]):
    """Rules of one policy alone."""

    def __init__(self, numbering: Numbering, groups: _Groups) -> None:
        self._numbering = numbering
        self._groups = groups

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._groups)

    def __iter__(self) -> Iterator[str]:
        """Yield the statements."""
        for group, end in self._ended():
            for each in group.targets:
                yield f"{group.start}{each}{end}"

    def text(self, before: str) -> Iterator[str]:
        """Yield the statements as lines."""
        for group, end in self._ended():
            start = f"{before}{group.start}"
            yield f"{start}{f'{end}{chr(10)}{start}'.join(group.targets)}{end}\n"

    def _ended(self) -> Iterator[tuple[_Group, str]]:
        """Yield each group with what its statements have after the target."""
        ends: dict[tuple[int, int, int], str] = {}
        for group in self._groups:
            key = group.branch, group.object_class, group.left | group.right  # one of which is nothing
            known = ends.get(key)
            if known is None:
                known = ends[key] = self._end(*key)
            yield group, known

    def _end(self, branch: int, object_class: int, vector: int) -> str:
        names = self._groups.permissions(object_class, vector)
        permissions = names[0] if len(names) == 1 else f"{{ {' '.join(names)} }}"
        text, holds = self._numbering.branches[branch]
        condition = f" [ {text} ]:{holds}" if branch else ""
        return f":{self._numbering.classes[object_class]} {permissions};{condition}"


class _Changes(Lines[Change]):
    """Rules that say more or less than before."""

    def __init__(self, numbering: Numbering, groups: _Groups) -> None:
        self._numbering = numbering
        self._groups = groups

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._groups)

    def __iter__(self) -> Iterator[Change]:
        """Yield the changes."""
        for group, end in self._ended():
            for each in group.targets:
                name = f"{group.start}{each}{end.name}"
                yield Change(f"{name}{end.condition}", f"{group.start}{each}{end.line}", (end.part,), in_line=True)

    def text(self, before: str) -> Iterator[str]:
        """Yield the changes as lines."""
        for group, end in self._ended():
            start = f"{before}{group.start}"
            yield f"{start}{f'{end.line}{chr(10)}{start}'.join(group.targets)}{end.line}\n"

    def _ended(self) -> Iterator[tuple[_Group, _ChangedEnd]]:
        """Yield each group with what its changes have after the target."""
        ends: dict[tuple[int, int, int, int], _ChangedEnd] = {}
        for group in self._groups:
            key = group.branch, group.object_class, group.left, group.right
            known = ends.get(key)
            if known is None:
                known = ends[key] = self._end(*key)
            yield group, known

    def _end(self, branch: int, object_class: int, left: int, right: int) -> _ChangedEnd:
        kept, added, removed = (
            self._groups.permissions(object_class, each) for each in (left & right, right & ~left, left & ~right)
        )
        words = " ".join([*kept, *(f"+{each}" for each in added), *(f"-{each}" for each in removed)])
        name = f":{self._numbering.classes[object_class]}"
        condition = f" [ {self._numbering.branches[branch][0]} ]" if branch else ""
        part = Part("permissions", tuple(added), tuple(removed))
        return _ChangedEnd(name, f"{name} {{ {words} }};{condition}", condition, part)
