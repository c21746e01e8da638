"""Differences of rules that say what something becomes: type, role and range transitions and their kin.

Such rules are written out for types, as access rules are. Where only one policy has a rule, what all rules of both
policies say is looked up.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import compress, product, repeat

from selbox.analysis.catalogue import Catalogue
from selbox.analysis.differences.numbering import Numbering
from selbox.analysis.differences.section import Change, Part, Section
from selbox.analysis.ruletext import RULE_KINDS, range_text
from selbox.model.bitset import members
from selbox.typing import NamedTuple

_Rule = tuple[str, str, str, int, int, int, str]
"""A rule: the role that is its source, or nothing; the name of the class; the new object's name that it asks for, or
nothing; the number of the branch; numbers of the sets of source and target types; and what it results in, as text. Of a
rule about a role, the source set is that of the first type, which says nothing.
"""

_Rules = list[_Rule]

_Subject = tuple[str, str, str, int]
"""What a rule is about apart from types: the first parts of :data:`_Rule`."""


class _Difference(NamedTuple):
    """What two policies make of something; None where a policy says nothing."""

    subject: _Subject
    source: int
    target: int
    left: str | None
    right: str | None


def type_section(numbering: Numbering, left: Catalogue, right: Catalogue, kind: str) -> Section:
    """Return the differences of ``type_transition``, ``type_change`` or ``type_member`` rules.

    Source: ``setools/diff/terules.py``.
    """
    sides = tuple(_type_rules(numbering, side, each, kind) for side, each in enumerate((left, right)))
    words = f"{kind.capitalize()} Rules"
    option = {"type_transition": "type_trans"}.get(kind, kind)
    return _Lines(numbering, kind, changed="{} +{} -{}{};{}").section(option, words, (sides[0], sides[1]))


def role_transition_section(numbering: Numbering, left: Catalogue, right: Catalogue) -> Section:
    """Return the differences of ``role_transition`` rules.

    Source: ``setools/diff/rbacrules.py``.
    """
    sides = tuple(_role_rules(numbering, side, each) for side, each in enumerate((left, right)))
    lines = _Lines(numbering, "role_transition", changed="{} +{} -{}{}{}")
    return lines.section("role_trans", "Role_transition Rules", (sides[0], sides[1]))


def range_transition_section(numbering: Numbering, left: Catalogue, right: Catalogue) -> Section:
    """Return the differences of ``range_transition`` rules.

    Source: ``setools/diff/mlsrules.py``.
    """
    sides = tuple(_range_rules(numbering, side, each) for side, each in enumerate((left, right)))
    lines = _Lines(numbering, "range_transition", changed="{} +[{}] -[{}]{}{}")
    return lines.section("range_trans", "Range_transition Rules", (sides[0], sides[1]))


def role_allow_section(left: Catalogue, right: Catalogue) -> Section:
    """Return the differences of the ``allow`` rules of roles."""
    sides = [
        {f"allow {each.roles[source]} {each.roles[target]};" for source, target, *_ in each.role_allows}
        for each in (left, right)
    ]
    return Section(
        "role_allow",
        "Role allow Rules",
        "Role Allow Rules",
        sorted(sides[1] - sides[0]),
        sorted(sides[0] - sides[1]),
        is_modifiable=False,
    )


def _type_rules(numbering: Numbering, side: int, catalogue: Catalogue, kind: str) -> _Rules:
    rules, named = catalogue.rules, catalogue.named_transitions
    types, classes = catalogue.types.__getitem__, catalogue.classes.__getitem__
    sets, branches = numbering.sets_of[side].__getitem__, numbering.branches_of[side].__getitem__
    wanted = rules.kind.translate(bytes(each == RULE_KINDS[kind] for each in range(256)))
    rows = [*compress(range(len(wanted)), wanted)]
    columns = (rules.object_class, rules.condition, rules.source, rules.target, rules.data)
    object_class, condition, source, target, data = (map(each.__getitem__, rows) for each in columns)
    nothing = repeat("")
    found = [
        *zip(
            nothing,
            map(classes, object_class),
            nothing,
            map(branches, condition),
            map(sets, source),
            map(sets, target),
            map(types, data),
            strict=False,
        )
    ]
    if kind == "type_transition":
        found += zip(
            nothing,
            map(classes, named.object_class),
            map(named.names.__getitem__, named.name),
            repeat(0),
            map(sets, named.source),
            map(sets, named.target),
            map(types, named.result),
            strict=False,
        )
    return found


def _role_rules(numbering: Numbering, side: int, catalogue: Catalogue) -> _Rules:
    sets, roles, classes = numbering.sets_of[side], catalogue.roles, catalogue.classes
    return [
        (roles[source], classes[object_class], "", 0, 0, sets[target], roles[result])
        for source, target, object_class, result, *_ in catalogue.role_transitions
    ]


def _range_rules(numbering: Numbering, side: int, catalogue: Catalogue) -> _Rules:
    sets, classes = numbering.sets_of[side], catalogue.classes
    return [
        ("", classes[object_class], "", 0, sets[source], sets[target], range_text(catalogue, low, high))
        for source, target, object_class, low, high, *_ in catalogue.range_transitions
    ]


class _Lines:
    """Makes a section of the differences of one kind of rules.

    Args:
        numbering: of the policies.
        keyword: of the rules.
        changed: form of a changed rule: its beginning, the new and the old result, what follows, and the condition.
    """

    def __init__(self, numbering: Numbering, keyword: str, changed: str) -> None:
        self._numbering = numbering
        self._keyword = keyword
        self._changed = changed

    def section(self, kind: str, title: str, sides: tuple[_Rules, _Rules]) -> Section:
        """Compare the rules of two policies."""
        added, removed, modified = [], [], []
        for each in _differences(self._numbering.sets, sides):
            if each.left is None:
                added.append(self._statement(each, each.right))
            elif each.right is None:
                removed.append(self._statement(each, each.left))
            else:
                modified.append(self._change(each, each.left, each.right))
        return Section(kind, title, title, sorted(added), sorted(removed), sorted(modified))

    def _start(self, difference: _Difference) -> str:
        types = self._numbering.types
        role, object_class, _, _ = difference.subject
        return f"{self._keyword} {role or types[difference.source]} {types[difference.target]}:{object_class}"

    def _statement(self, difference: _Difference, result: str | None) -> str:
        *_, name, branch = difference.subject
        text, holds = self._numbering.branches[branch]
        condition = f" [ {text} ]:{holds}" if branch else ""
        return f"{self._start(difference)} {result}{_before(name)};{condition}"

    def _change(self, difference: _Difference, left: str, right: str) -> Change:
        *_, name, branch = difference.subject
        condition = f" [ {self._numbering.branches[branch][0]} ]" if branch else ""
        start = self._start(difference)
        line = self._changed.format(start, right, left, _before(name), condition)
        part = Part("default", (right,), (left,))
        return Change(f"{start}{_before(name)}{condition}", line, (part,), in_line=True)


def _before(name: str) -> str:
    return f" {name}" if name else ""


def _differences(sets: Sequence[int], sides: tuple[_Rules, _Rules]) -> Iterator[_Difference]:
    """Yield where the rules of two policies do not come to the same."""
    left, right = map(frozenset, sides)
    places: dict[tuple[_Subject, int, int], None] = {}
    for rule in (*(left - right), *(right - left)):
        for pair in product(members(sets[rule[4]]), members(sets[rule[5]])):
            places[rule[:4], *pair] = None
    if not places:
        return
    subjects = {subject for subject, _, _ in places}
    before, after = (_results(sets, each, subjects) for each in sides)
    for place in places:
        results = before(*place), after(*place)
        if results[0] != results[1]:
            yield _Difference(*place, *results)


def _results(sets: Sequence[int], rules: _Rules, subjects: set[_Subject]) -> Callable[[_Subject, int, int], str | None]:
    """Return a function that gives what rules come to; of several, the first counts."""
    by_types: dict[tuple[_Subject, int, int], str] = {}
    by_sets: defaultdict[_Subject, list[tuple[int, int, str]]] = defaultdict(list)
    for rule in rules:
        subject = rule[:4]
        if subject not in subjects:
            continue
        source, target = sets[rule[4]], sets[rule[5]]
        if source.bit_count() == target.bit_count() == 1:
            by_types.setdefault((subject, source.bit_length() - 1, target.bit_length() - 1), rule[6])
        else:
            by_sets[subject].append((source, target, rule[6]))

    def result(subject: _Subject, source: int, target: int) -> str | None:
        found = by_types.get((subject, source, target))
        if found is None:
            for sources, targets, default in by_sets[subject]:
                if sources >> source & 1 and targets >> target & 1:
                    return default
        return found

    return result
