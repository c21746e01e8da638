"""Differences of extended rules, written out for types: the numbers of ``ioctl`` commands and netlink messages.

Source: ``setools/diff/terules.py``.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import product

from selbox.analysis.catalogue import Catalogue
from selbox.analysis.differences.numbering import Numbering
from selbox.analysis.differences.section import Change, Part, Section
from selbox.analysis.ruletext import EXTENDED_KINDS, extended_permission, number_ranges
from selbox.model.bitset import members
from selbox.typing import NamedTuple


class _Subject(NamedTuple):
    """What a rule is about apart from types: a class, the permission that has numbers, and the number of a branch."""

    object_class: str
    permission: str
    branch: int


class _Rule(NamedTuple):
    """A rule.

    Attributes:
        subject: what it is about.
        source, target: numbers of sets of types.
        numbers: bitset.
    """

    subject: _Subject
    source: int
    target: int
    numbers: int


def extended_section(numbering: Numbering, left: Catalogue, right: Catalogue, kind: str) -> Section:
    """Return the differences of ``allowxperm``, ``auditallowxperm`` or ``dontauditxperm`` rules."""
    added: list[str] = []
    removed: list[str] = []
    changes: list[Change] = []
    sides = [_rules(numbering, side, each, kind) for side, each in enumerate((left, right))]
    for subject, source, target, before, after in _differences(numbering.sets, sides):
        start = (
            f"{kind} {numbering.types[source]} {numbering.types[target]}:{subject.object_class} {subject.permission}"
        )
        text, holds = numbering.branches[subject.branch]
        if before and after:
            changes.append(_change(start, before, after))
        else:
            end = f" [ {text} ]:{holds}" if subject.branch else ""
            (removed if before else added).append(f"{start} {_numbers_text(before or after)};{end}")
    plural = f"{kind.capitalize()} Rules"
    return Section(kind, plural, plural, sorted(added), sorted(removed), sorted(changes))


def _rules(numbering: Numbering, side: int, catalogue: Catalogue, kind: str) -> list[_Rule]:
    sets, branches = numbering.sets_of[side], numbering.branches_of[side]
    found = []
    for each, source, target, object_class, specifier, driver, permissions, condition, _ in catalogue.extended:
        if each == EXTENDED_KINDS[kind]:
            subject = _Subject(catalogue.classes[object_class], extended_permission(specifier), branches[condition])
            numbers = 0
            for low, high in number_ranges(specifier, driver, permissions):
                numbers |= (1 << high + 1) - (1 << low)
            found.append(_Rule(subject, sets[source], sets[target], numbers))
    return found


def _differences(sets: list[int], sides: list[list[_Rule]]) -> Iterator[tuple[_Subject, int, int, int, int]]:
    """Yield where rules do not come to the same: subject, source and target type, and the numbers of each policy."""
    left, right = map(frozenset, sides)
    places = dict.fromkeys(
        (rule.subject, *pair)
        for rule in (*(left - right), *(right - left))
        for pair in product(members(sets[rule.source]), members(sets[rule.target]))
    )
    by_subject: list[defaultdict[_Subject, list[_Rule]]] = []
    for rules in sides:
        by_subject.append(defaultdict(list))
        for rule in rules:
            by_subject[-1][rule.subject].append(rule)
    for subject, source, target in places:
        before, after = (_united(sets, each[subject], source, target) for each in by_subject)
        if before != after:
            yield subject, source, target, before, after


def _united(sets: list[int], rules: list[_Rule], source: int, target: int) -> int:
    numbers = 0
    for each in rules:
        if sets[each.source] >> source & sets[each.target] >> target & 1:
            numbers |= each.numbers
    return numbers


def _change(start: str, before: int, after: int) -> Change:
    kept, added, removed = (_ranges(each) for each in (before & after, after & ~before, before & ~after))
    words = [*kept, *(_marked("+", each) for each in added), *(_marked("-", each) for each in removed)]
    part = Part("numbers", tuple(added), tuple(removed))
    return Change(start, f"{start} {{ {' '.join(words)} }};", (part,), in_line=True)


def _marked(sign: str, numbers: str) -> str:
    return f"{sign}[{numbers}]" if "-" in numbers else f"{sign}{numbers}"


def _numbers_text(numbers: int) -> str:
    ranges = _ranges(numbers)
    return ranges[0] if len(ranges) == 1 else f"{{ {' '.join(ranges)} }}"


def _ranges(numbers: int) -> list[str]:
    return [f"{low:#06x}" if low == high else f"{low:#06x}-{high:#06x}" for low, high in number_ranges(0, 0, numbers)]
